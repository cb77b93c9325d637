{# Reading the structures that the tap loads as JSON. Paths are lists: ['files', 0, 'url']. #}


{# The value at a path, as text; null when there is none. #}
{% macro json_text(column, path) %}
    {{- adapter.dispatch('json_text', 'callhistory')(column, path) -}}
{% endmacro %}

{% macro default__json_text(column, path) -%}
    json_extract_string({{ column }}, '${{ callhistory.json_path(path) }}')
{%- endmacro %}

{% macro postgres__json_text(column, path) -%}
    ({{ column }} #>> '{ {{- path | join(',') -}} }')
{%- endmacro %}

{% macro snowflake__json_text(column, path) -%}
    {{ column }}{{ callhistory.json_path(path) | replace('.', ':', 1) }}::varchar
{%- endmacro %}

{% macro json_path(path) %}
    {%- for step in path -%}
        {{ '[' ~ step ~ ']' if step is number else '.' ~ step }}
    {%- endfor -%}
{% endmacro %}


{# How many elements an array has; null when there is no array. #}
{% macro json_length(column) %}
    {{- adapter.dispatch('json_length', 'callhistory')(column) -}}
{% endmacro %}

{% macro default__json_length(column) -%}
    json_array_length({{ column }})
{%- endmacro %}

{% macro postgres__json_length(column) -%}
    case when jsonb_typeof({{ column }}) = 'array' then jsonb_array_length({{ column }}) end
{%- endmacro %}

{% macro snowflake__json_length(column) -%}
    array_size({{ column }})
{%- endmacro %}


{# For every row of a query, by `account` and `id`, the earliest of the times under a key of the
   objects in an array: as text, of fixed width. #}
{% macro earliest_in_array(query, array, key) %}
    {{- adapter.dispatch('earliest_in_array', 'callhistory')(query, array, key) -}}
{% endmacro %}

{% macro default__earliest_in_array(query, array, key) -%}
    select account, id, list_min(json_extract_string({{ array }}, '$[*].{{ key }}')) as earliest
    from {{ query }}
{%- endmacro %}

{% macro postgres__earliest_in_array(query, array, key) -%}
    select account, id, min(element ->> '{{ key }}') as earliest
    from {{ query }}
    cross join lateral jsonb_array_elements(
        case when jsonb_typeof({{ array }}) = 'array' then {{ array }} else '[]' end
    ) as element
    group by account, id
{%- endmacro %}

{% macro snowflake__earliest_in_array(query, array, key) -%}
    select account, id, min(element.value:{{ key }}::varchar) as earliest
    from {{ query }}, lateral flatten(input => {{ array }}) as element
    group by account, id
{%- endmacro %}
