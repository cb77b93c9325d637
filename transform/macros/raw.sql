{# The tap's tables: where they are, and reading them whichever exist. #}


{# What a variable of dbt says, else an environment variable; empty when neither does. #}
{% macro setting(name, variable) %}
    {{ return(var(name, '') or env_var(variable, '')) }}
{% endmacro %}


{# The schemas that hold the tap's tables, one per account. #}
{% macro accounts() %}
    {% set given = callhistory.setting('callhistory_schemas', 'CALLHISTORY_SCHEMAS') %}
    {% set names = given.split(',') if given is string else given %}
    {{ return(names | map('trim') | select | list or ['callhistory']) }}
{% endmacro %}


{# The tables of one stream that are loaded: a list of {account, relation}. #}
{% macro loaded(stream) %}
    {% set tables = [] %}
    {# Named for dbt's graph only: the source is of one account. #}
    {% do source('callhistory', stream) %}
    {% if execute %}
        {% for account in callhistory.accounts() %}
            {% set relation = adapter.get_relation(target.database, account, stream) %}
            {% if relation is not none %}
                {% do tables.append({'account': account, 'relation': relation}) %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {{ return(tables) }}
{% endmacro %}


{# The names of a table's columns, in small letters. #}
{% macro columns_of(relation) %}
    {{ return(
        adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list
    ) }}
{% endmacro %}


{# Stops with a clear error where no stream of any account is loaded. #}
{% macro require_loaded_streams() %}
    {% set tables = [] %}
    {% for vendor in callhistory.vendors().values() %}
        {% do tables.extend(callhistory.loaded(vendor.stream)) %}
    {% endfor %}
    {% if execute and not tables %}
        {% do exceptions.raise_compiler_error(
            'No table of tap-callhistory is in ' ~ callhistory.accounts() | join(', ')
            ~ '. Load a stream first, or name the schemas in the variable callhistory_schemas'
            ~ ' or in the environment variable CALLHISTORY_SCHEMAS.'
        ) %}
    {% endif %}
{% endmacro %}


{# All accounts' calls of one stream, as a query; of these only what `calls` does not hold yet, where
   it is added to (macros/adding.sql).

   columns: {name: type}. A column that is not in the table, for it was not selected in the tap, is
   null. Where the stream is not loaded at all the query is of no rows.
   together_by: a column whose value several calls may have in common; if one of them is read, all
   are. #}
{% macro raw_calls(stream, columns, together_by=none) %}
    {% for table in callhistory.loaded(stream) %}
        select
            cast('{{ table.account }}' as {{ callhistory.type_of('text') }}) as account,
            {{ callhistory.typed_columns(columns, callhistory.columns_of(table.relation)) }}
        from {{ table.relation }}
        {{ callhistory.where_not_in_calls(stream, table, together_by) }}
        {% if not loop.last %}union all{% endif %}
    {% else %}
        select
            {{ callhistory.unknown('text') }} as account,
            {{ callhistory.typed_columns(columns, []) }}
        limit 0
    {% endfor %}
{% endmacro %}


{# Columns, {name: type}, in the types that the models want; null are those that a table has not. #}
{% macro typed_columns(columns, present) %}
    {%- for name, type in columns.items() -%}
        {{ callhistory.raw_column(name, type) if name in present else callhistory.unknown(type) }}
        as {{ name }}{{ ',' if not loop.last }}
    {% endfor -%}
{% endmacro %}


{# A column of a raw table, in the type that the models want. #}
{% macro raw_column(name, type) %}
    {{- adapter.dispatch('raw_column', 'callhistory')(name, type) -}}
{% endmacro %}

{% macro default__raw_column(name, type) -%}
    cast({{ name }} as {{ callhistory.type_of(type) }})
{%- endmacro %}

{# target-postgres keeps an array in one of PostgreSQL's own. #}
{% macro postgres__raw_column(name, type) -%}
    {%- if type == 'json' -%}
        to_jsonb({{ name }})
    {%- else -%}
        {{ callhistory.default__raw_column(name, type) }}
    {%- endif -%}
{%- endmacro %}


{# What a vendor does not say: null, of a type. #}
{% macro unknown(type) %}cast(null as {{ callhistory.type_of(type) }}){% endmacro %}


{# The database's name of a type: text, integer, number, boolean, timestamp or json. #}
{% macro type_of(type) %}
    {{- adapter.dispatch('type_of', 'callhistory')(type) -}}
{% endmacro %}

{% macro default__type_of(type) %}
    {{- {
        'text': 'varchar', 'integer': 'bigint', 'number': 'double precision',
        'boolean': 'boolean', 'timestamp': 'timestamp', 'json': 'json'
    }[type] -}}
{% endmacro %}

{% macro postgres__type_of(type) %}
    {{- 'jsonb' if type == 'json' else callhistory.default__type_of(type) -}}
{% endmacro %}

{% macro snowflake__type_of(type) %}
    {{- {'json': 'variant', 'timestamp': 'timestamp_ntz'}.get(
        type, callhistory.default__type_of(type)
    ) -}}
{% endmacro %}
