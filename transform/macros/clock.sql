{# Arithmetic on times, which are all in UTC without a zone. #}


{# Seconds from one time to a later one, with fractions. #}
{% macro seconds_between(earlier, later) %}
    {{- adapter.dispatch('seconds_between', 'callhistory')(earlier, later) -}}
{% endmacro %}

{% macro default__seconds_between(earlier, later) -%}
    cast(extract(epoch from ({{ later }} - {{ earlier }})) as double precision)
{%- endmacro %}

{% macro snowflake__seconds_between(earlier, later) -%}
    datediff(microsecond, {{ earlier }}, {{ later }}) / 1e6
{%- endmacro %}


{# A time some whole seconds later. #}
{% macro seconds_after(time, seconds) %}
    {{- adapter.dispatch('seconds_after', 'callhistory')(time, seconds) -}}
{% endmacro %}

{% macro default__seconds_after(time, seconds) -%}
    ({{ time }} + {{ seconds }} * interval '1 second')
{%- endmacro %}

{% macro snowflake__seconds_after(time, seconds) -%}
    dateadd(second, {{ seconds }}, {{ time }})
{%- endmacro %}


{# The calendar day of a time in a zone. #}
{% macro day_in(time, timezone) %}
    {{- adapter.dispatch('day_in', 'callhistory')(time, timezone) -}}
{% endmacro %}

{% macro default__day_in(time, timezone) -%}
    cast({{ time }} at time zone 'UTC' at time zone '{{ timezone }}' as date)
{%- endmacro %}

{% macro snowflake__day_in(time, timezone) -%}
    cast(convert_timezone('UTC', '{{ timezone }}', {{ time }}) as date)
{%- endmacro %}


{# The hour of the day, 0 to 23, of a time in a zone. #}
{% macro hour_in(time, timezone) %}
    {{- adapter.dispatch('hour_in', 'callhistory')(time, timezone) -}}
{% endmacro %}

{% macro default__hour_in(time, timezone) -%}
    cast(extract(hour from ({{ time }} at time zone 'UTC' at time zone '{{ timezone }}')) as integer)
{%- endmacro %}

{% macro snowflake__hour_in(time, timezone) -%}
    hour(convert_timezone('UTC', '{{ timezone }}', {{ time }}))
{%- endmacro %}


{# The first day of the week (its Monday) or of the month that a day lies in. #}
{% macro first_day_of(part, day) -%}
    cast(date_trunc('{{ part }}', {{ day }}) as date)
{%- endmacro %}
