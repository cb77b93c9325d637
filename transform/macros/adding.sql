{# `calls` is added to: a build reads the raw calls that it does not hold as they are, no others.

   A raw call is known by its key and by the batch that the loader wrote it in, _sdc_batched_at, which
   is kept in `loaded_at`. No clock is compared with another: a load that began early and ended late,
   or one on another machine, is found like any other. #}


{# The table of calls, where it can be added to; none where a build has to read all raw calls: the
   first, one with --full-refresh, and the first after a column of the model is new. #}
{% macro calls_so_far() %}
    {% set node = graph.nodes.get('model.callhistory.calls') if execute %}
    {% if not node or node.config.materialized != 'incremental' %}
        {{ return(none) }}
    {% endif %}
    {% set for_this = node.config.get('full_refresh') %}
    {% if for_this or (for_this is none and flags.FULL_REFRESH) %}
        {{ return(none) }}
    {% endif %}
    {% set table = adapter.get_relation(node.database, node.schema, node.alias) %}
    {% if table is none or not table.is_table %}
        {{ return(none) }}
    {% endif %}
    {% set present = callhistory.columns_of(table) %}
    {% for column in node.columns if column not in present %}
        {{ return(none) }}
    {% endfor %}
    {{ return(table) }}
{% endmacro %}


{# Whether the loader has written when it loaded each row. #}
{% macro has_batch_times(table) %}
    {{ return('_sdc_batched_at' in callhistory.columns_of(table.relation)) }}
{% endmacro %}


{# The vendor whose stream it is. #}
{% macro vendor_of(stream) %}
    {% for vendor, facts in callhistory.vendors().items() if facts.stream == stream %}
        {{ return(vendor) }}
    {% endfor %}
{% endmacro %}


{# A condition that leaves of a raw table the calls that `calls` does not hold as they are, with all
   that go together with them; nothing where all are to be read. #}
{% macro where_not_in_calls(stream, table, together_by=none) %}
    {% set known = callhistory.calls_so_far() %}
    {% if known is not none and callhistory.has_batch_times(table) %}
    {% set text = callhistory.type_of('text') %}
    where cast(id as {{ text }}) in (
        {{ callhistory.ids_not_in_calls(stream, table, known) }}
        {% if together_by in callhistory.columns_of(table.relation) %}
        union
        select cast(raw.id as {{ text }})
        from {{ table.relation }} as raw
        where raw.{{ together_by }} in (
            select other.{{ together_by }}
            from {{ table.relation }} as other
            where other.{{ together_by }} <> ''
                and cast(other.id as {{ text }}) in (
                    {{ callhistory.ids_not_in_calls(stream, table, known) }}
                )
            union
            -- Those of which a call has gone, or has left for others.
            select known.conversation_id
            from {{ known }} as known
            where known.vendor = '{{ callhistory.vendor_of(stream) }}'
                and known.account = '{{ table.account }}'
                and known.conversation_id is not null
                and not exists (
                    select 1 from {{ table.relation }} as other
                    where {{ callhistory.is_known_as('other', 'known', stream, table) }}
                )
        )
        {% endif %}
    )
    {% endif %}
{% endmacro %}

{% macro ids_not_in_calls(stream, table, known) %}
        select cast(raw.id as {{ callhistory.type_of('text') }})
        from {{ table.relation }} as raw
        where not exists (
            select 1 from {{ known }} as known
            where {{ callhistory.is_known_as('raw', 'known', stream, table) }}
        )
{% endmacro %}

{# Whether a row of `calls` is a raw call as the loader has left it, in the zone of today. #}
{% macro is_known_as(raw, known, stream, table) -%}
    {% set vendor = callhistory.vendor_of(stream) -%}
    {{ known }}.call_key
        = '{{ vendor }}/{{ table.account }}/' || cast({{ raw }}.id as {{ callhistory.type_of('text') }})
    and {{ known }}.loaded_at = {{ callhistory.raw_column(raw ~ '._sdc_batched_at', 'timestamp') }}
    and {{ known }}.timezone = '{{ callhistory.timezone_of(vendor) }}'
{%- endmacro %}


{# Statements that take out of `calls` what is in no raw table any more: calls that were purged or
   erased, accounts that are not read any more. Tables are searched only where they hold fewer calls
   than `calls` does. #}
{% macro take_out_gone_calls() %}
    {% set tables = {} %}
    {% for vendor, facts in callhistory.vendors().items() %}
        {% for table in callhistory.loaded(facts.stream) %}
            {% do tables.update({vendor ~ '/' ~ table.account: table.relation}) %}
        {% endfor %}
    {% endfor %}
    {% set counts %}
        select source, sum(raw_calls) as raw_calls, sum(calls) as calls
        from (
            {% for source, relation in tables.items() %}
            select '{{ source }}' as source, count(*) as raw_calls, 0 as calls from {{ relation }}
            union all
            {% endfor %}
            select vendor || '/' || account, 0, count(*) from {{ this }} group by vendor, account
        ) as counted
        group by source
        having sum(raw_calls) < sum(calls)
        order by source
    {% endset %}
    {% for source in (run_query(counts).columns[0].values() if execute else []) %}
        delete from {{ this }}
        where vendor || '/' || account = '{{ source }}'
        {% if source in tables %}
            and not exists (
                select 1 from {{ tables[source] }} as raw
                where cast(raw.id as {{ callhistory.type_of('text') }}) = call_id
            )
        {% endif %}
        ;
    {% endfor %}
{% endmacro %}


{# Says which tables are read whole at every build. #}
{% macro say_what_is_read_whole() %}
    {% if callhistory.calls_so_far() is not none %}
        {% for facts in callhistory.vendors().values() %}
            {% for table in callhistory.loaded(facts.stream) if not callhistory.has_batch_times(table) %}
                {% do log(
                    table.relation.render() ~ ' has no column _sdc_batched_at: all its calls are read at'
                    ~ ' every build. Let the loader add its metadata columns.', info=true
                ) %}
            {% endfor %}
        {% endfor %}
    {% endif %}
{% endmacro %}
