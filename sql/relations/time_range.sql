{#- time_range: the first and last moment of a scan in UTC, in one row; asked where a window has no rows

    reads    a scan with a clock, whatever its window
    returns  first_at, last_at: null where no row passes the filter
-#}
select
    cast(min({{ scan.clock }}) as timestamp) as first_at,
    cast(max({{ scan.clock }}) as timestamp) as last_at
from {{ scan.table }}
{%- if scan.filter is not none %}
where ({{ scan.filter }})
{%- endif %}
