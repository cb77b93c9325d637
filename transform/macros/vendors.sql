{# What the models know of each vendor: its stream, the country whose numbers it writes without a
   country code, and the zone of that country's days. #}
{% macro vendors() %}
    {{ return({
        'kavenegar': {
            'stream': 'kavenegar_calls', 'country': 'IR', 'timezone': 'Asia/Tehran'
        },
        'etelecom': {
            'stream': 'etelecom_call_logs', 'country': 'VN', 'timezone': 'Asia/Ho_Chi_Minh'
        },
        'twin': {
            'stream': 'twin_call_sessions', 'country': 'RU', 'timezone': 'Europe/Moscow'
        },
        'cinnox': {
            'stream': 'cinnox_call_details', 'country': 'HK', 'timezone': 'Asia/Hong_Kong'
        },
        'utel': {
            'stream': 'utel_call_history', 'country': 'UZ', 'timezone': 'Asia/Tashkent'
        },
    }) }}
{% endmacro %}


{# The zone in which a vendor's calls are given their day. #}
{% macro timezone_of(vendor) %}
    {% set for_all = var('callhistory_timezone', '') or env_var('CALLHISTORY_TIMEZONE', '') %}
    {{ return(for_all or callhistory.vendors()[vendor].timezone) }}
{% endmacro %}
