{# How a country writes telephone numbers (ITU national numbering plans):
   code           its country code
   trunk          what stands before a national number dialled at home
   international  what stands before a foreign one
   digits         lengths of a national number, without the trunk prefix
   bare           whether a national number also comes without its trunk prefix #}
{% macro dialling(country) %}
    {{ return({
        'IR': {'code': '98', 'trunk': '0', 'international': '00', 'digits': [10], 'bare': true},
        'VN': {'code': '84', 'trunk': '0', 'international': '00', 'digits': [9, 10], 'bare': false},
        'RU': {'code': '7', 'trunk': '8', 'international': '810', 'digits': [10], 'bare': true},
        'HK': {'code': '852', 'trunk': '', 'international': '001', 'digits': [8], 'bare': true},
        'UZ': {'code': '998', 'trunk': '', 'international': '00', 'digits': [9], 'bare': true},
    }[country]) }}
{% endmacro %}


{# A telephone number in E.164; null for what is none: an extension, a name, a pseudonym, a foreign
   number without its country code. Blanks, hyphens, dots and brackets in it do not matter. #}
{% macro e164(number, country) %}
    {%- set plan = callhistory.dialling(country) -%}
    {%- set written = "translate(" ~ number ~ ", ' -.()', '')" -%}
    {%- set digits = "translate(" ~ written ~ ", '+', '')" -%}
    case
        when translate({{ digits }}, '0123456789', '') <> '' then null
        when {{ written }} like '+%' then
            case when length({{ digits }}) between 8 and 15 then '+' || {{ digits }} end
        {%- for length in plan.digits %}
        when {{ digits }} like '{{ plan.code }}%'
            and length({{ digits }}) = {{ plan.code | length + length }}
            then '+' || {{ digits }}
        {%- if plan.trunk %}
        when {{ digits }} like '{{ plan.trunk }}%'
            and length({{ digits }}) = {{ plan.trunk | length + length }}
            then '+{{ plan.code }}' || substr({{ digits }}, {{ plan.trunk | length + 1 }})
        {%- endif %}
        {%- if plan.bare %}
        when length({{ digits }}) = {{ length }} then '+{{ plan.code }}' || {{ digits }}
        {%- endif %}
        {%- endfor %}
        when {{ digits }} like '{{ plan.international }}%'
            and length({{ digits }}) - {{ plan.international | length }} between 10 and 15
            then '+' || substr({{ digits }}, {{ plan.international | length + 1 }})
    end
{%- endmacro %}
