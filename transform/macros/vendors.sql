{# What the models know of each vendor: its stream, the country whose numbers it writes without a
   country code, the zone of that country's days, and the columns by which the tap may read its
   history: the first is where a call stays; by another it moves on when it changes. #}
{% macro vendors() %}
    {{ return({
        'kavenegar': {
            'stream': 'kavenegar_calls', 'country': 'IR', 'timezone': 'Asia/Tehran',
            'read_by': ['created_at']
        },
        'etelecom': {
            'stream': 'etelecom_call_logs', 'country': 'VN', 'timezone': 'Asia/Ho_Chi_Minh',
            'read_by': ['created_at']
        },
        'twin': {
            'stream': 'twin_call_sessions', 'country': 'RU', 'timezone': 'Europe/Moscow',
            'read_by': ['created_at', 'updated_at']
        },
        'cinnox': {
            'stream': 'cinnox_call_details', 'country': 'HK', 'timezone': 'Asia/Hong_Kong',
            'read_by': ['call_date']
        },
        'utel': {
            'stream': 'utel_call_history', 'country': 'UZ', 'timezone': 'Asia/Tashkent',
            'read_by': ['date_time']
        },
    }) }}
{% endmacro %}


{# The streams of all vendors. #}
{% macro streams() %}
    {{ return(callhistory.vendors().values() | map(attribute='stream') | list) }}
{% endmacro %}


{# The zone in which a vendor's calls are given their day. #}
{% macro timezone_of(vendor) %}
    {% set for_all = callhistory.setting('callhistory_timezone', 'CALLHISTORY_TIMEZONE') %}
    {{ return(for_all or callhistory.vendors()[vendor].timezone) }}
{% endmacro %}
