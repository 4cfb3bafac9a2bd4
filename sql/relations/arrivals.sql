{#- arrivals: ids and the newest moment of production's windows; asked where a metric needs them

    reads    production, its clock and its correlation id
    returns  scan, window_id, segment; ids: rows that have an id; distinct_ids; newest: seconds since
             1970 in UTC; null or 0 where there is no such column
-#}
{% from "macros.sql" import window_key, rows_of, placed_steps with context -%}
select
    {{ scan.id }} as scan,
    {% if scan.placed %}placed.{% endif %}window_id,
    {% if scan.placed %}placed.segment{% else %}'__all__' as segment{% endif %},
    cast(count(id) as bigint) as ids,
    cast(count(distinct id) as bigint) as distinct_ids,
    cast(max(moment) as double) as newest
from (
    select
        {{ window_key(scan) }} as {% if scan.placed %}step{% else %}window_id{% endif %},
        {{ id }} as id,
        {{ moment }} as moment
    {{ rows_of(scan) | indent(4) }}
) as {{ scan.name }}
{%- if scan.placed %}
inner join {{ placed_steps([scan]) }}
    on placed.step = {{ scan.name }}.step
{%- endif %}
group by {% if scan.placed %}placed.window_id, placed.segment{% else %}window_id{% endif %}
