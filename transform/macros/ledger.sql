{# The tap's ledger: one row per window of history that was read. See docs/coverage.md. #}


{# The ledger's columns that the models read: {name: type}. #}
{% macro ledger_columns() %}
    {{ return({
        'stream': 'text', 'window_start': 'timestamp', 'window_end': 'timestamp',
        'read_at': 'timestamp', 'purpose': 'text', 'run_id': 'text', 'run_began': 'timestamp',
        'start_date': 'timestamp', 'continues_from': 'timestamp', 'read_by': 'text',
        'moving': 'boolean', 'calls_written': 'integer', 'calls_born': 'integer',
        'complete': 'boolean', 'scope': 'text', 'timezone': 'text',
    }) }}
{% endmacro %}


{# All rows of all accounts' ledgers. An account is the schema that holds its tables. The ledger's
   own column `account` is a label: one that names another of the schemas, as in a ledger that
   several accounts share, decides; any other is kept as `label`. #}
{% macro ledger_rows() %}
    {% set text = callhistory.type_of('text') %}
    {% set names = "'" ~ callhistory.accounts() | join("', '") ~ "'" %}
    {% for table in callhistory.loaded('callhistory_windows') %}
        {% set present = callhistory.columns_of(table.relation) %}
        select
            {% if 'account' in present %}
            cast(
                case when account in ({{ names }}) then account else '{{ table.account }}' end
                as {{ text }}
            ) as account
            , cast(case when account not in ({{ names }}) then account end as {{ text }}) as label
            {% else %}
            cast('{{ table.account }}' as {{ text }}) as account
            , {{ callhistory.unknown('text') }} as label
            {% endif %}
            {% for name, type in callhistory.ledger_columns().items() %}
            , {{ callhistory.raw_column(name, type) if name in present else callhistory.unknown(type) }}
                as {{ name }}
            {% endfor %}
        from {{ table.relation }}
        {% if not loop.last %}union all{% endif %}
    {% else %}
        select
            {{ callhistory.unknown('text') }} as account
            , {{ callhistory.unknown('text') }} as label
            {% for name, type in callhistory.ledger_columns().items() %}
            , {{ callhistory.unknown(type) }} as {{ name }}
            {% endfor %}
        where 1 = 0
    {% endfor %}
{% endmacro %}


{# What a claim of the ledger is held against: per account and stream, each column that its windows
   may have been read by. A list of {source, account, stream, read_by, moves, table}: `source` is a
   number, for a sort by numbers is faster than one by names; `table` is none where the stream is
   not loaded. #}
{% macro call_sources() %}
    {% set sources = [] %}
    {% for vendor in callhistory.vendors().values() %}
    {% set tables = {} %}
    {% for table in callhistory.loaded(vendor.stream) %}
        {% do tables.update({table.account: table.relation}) %}
    {% endfor %}
    {% for account in callhistory.accounts() %}
    {% for column in vendor.read_by %}
        {% do sources.append({
            'source': sources | length + 1, 'account': account, 'stream': vendor.stream,
            'read_by': column, 'moves': not loop.first, 'table': tables.get(account),
        }) %}
    {% endfor %}
    {% endfor %}
    {% endfor %}
    {{ return(sources) }}
{% endmacro %}


{# The sources as a query: source, account, stream, read_by, and whether the table is loaded. #}
{% macro sources_as_rows() %}
    {% set text = callhistory.type_of('text') %}
    {% for each in callhistory.call_sources() %}
    select
        {{ each.source }} as source,
        cast('{{ each.account }}' as {{ text }}) as account,
        cast('{{ each.stream }}' as {{ text }}) as stream,
        cast('{{ each.read_by }}' as {{ text }}) as read_by,
        {{ 'true' if each.moves else 'false' }} as moves,
        {{ 'true' if each.table else 'false' }} as is_loaded
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
{% endmacro %}


{# One row per call and source: (source, moment, is_loaded), the moment in UTC. Calls that the loader
   has marked as deleted are none. Calls that were erased on purpose (the variable erased_calls) are
   rows as well, unless they are loaded again. #}
{% macro moments_of_calls() %}
    {% set erased = callhistory.setting('erased_calls', 'CALLHISTORY_ERASED_CALLS') %}
    {% for each in callhistory.call_sources() if each.table %}
    {% set present = callhistory.columns_of(each.table) %}
    {% if each.read_by in present %}
    select
        {{ each.source }} as source, {{ callhistory.raw_column(each.read_by, 'timestamp') }} as moment,
        1 as is_loaded
    from {{ each.table }}
    where {{ each.read_by }} is not null {{ 'and _sdc_deleted_at is null' if '_sdc_deleted_at' in present }}
    union all
    {% endif %}
    {% if erased %}
    select
        {{ each.source }} as source,
        {% if each.moves %}
        -- Where it would have moved to is not known: anywhere behind what was read.
        cast('9998-01-01' as {{ callhistory.type_of('timestamp') }}) as moment,
        {% else %}
        cast(call_at as {{ callhistory.type_of('timestamp') }}) as moment,
        {% endif %}
        0 as is_loaded
    from {{ erased }} as erased
    where account = '{{ each.account }}' and stream = '{{ each.stream }}' and call_at is not null
        and not exists (
            select 1 from {{ each.table }} as loaded
            where cast(loaded.id as {{ callhistory.type_of('text') }}) = cast(erased.id as {{ callhistory.type_of('text') }})
        )
    union all
    {% endif %}
    {% endfor %}
    select 0 as source, {{ callhistory.unknown('timestamp') }} as moment, 0 as is_loaded where 1 = 0
{% endmacro %}


{# A time that a variable or an environment variable gives, as SQL; null when neither does. #}
{% macro time_setting(name, variable) %}
    {%- set given = callhistory.setting(name, variable) -%}
    cast({{ "'" ~ given ~ "'" if given else 'null' }} as {{ callhistory.type_of('timestamp') }})
{%- endmacro %}


{# Has a subquery that is named more than once worked out once only, where a database would not. #}
{% macro worked_out_once() %}
    {{- adapter.dispatch('worked_out_once', 'callhistory')() -}}
{% endmacro %}

{% macro default__worked_out_once() %}materialized{% endmacro %}

{# Snowflake decides by itself, and knows no such word. #}
{% macro snowflake__worked_out_once() %}{% endmacro %}


{# Joins a row for each whole number from one to another, itself excluded, which must be greater:
   numbers.value. #}
{% macro for_each_number(first, end) %}
    {{- adapter.dispatch('for_each_number', 'callhistory')(first, end) -}}
{% endmacro %}

{% macro default__for_each_number(first, end) -%}
    cross join lateral generate_series({{ first }}, {{ end }} - 1) as numbers (value)
{%- endmacro %}

{% macro snowflake__for_each_number(first, end) -%}
    cross join lateral flatten(input => array_generate_range({{ first }}, {{ end }})) as numbers
{%- endmacro %}
