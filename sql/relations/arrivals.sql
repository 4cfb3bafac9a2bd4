{#- arrivals: ids and the newest moment of production's windows; asked where a metric needs them

    reads    production, its clock and its correlation id
    returns  scan, window_id, segment; ids: rows that have an id; distinct_ids; newest: seconds since
             1970 in UTC; null or 0 where there is no such column
-#}
{% from "macros.sql" import rows_of, key_of, window_of, put_to_windows, by_window with context -%}
select
    {{ scan.id }} as scan,
    {{ window_of(scan) | indent(4) }},
    cast(count(id) as bigint) as ids,
    cast(count(distinct id) as bigint) as distinct_ids,
    cast(max(moment) as double) as newest
from (
    select
        {{ key_of(scan) }},
        {{ id }} as id,
        {{ moment }} as moment
    {{ rows_of(scan) | indent(4) }}
) as {{ scan.name }}{{ put_to_windows(scan) }}
group by {{ by_window(scan) }}
