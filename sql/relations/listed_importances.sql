{#- listed_importances: what a table with a row for each feature says of each

    Sums are of whole numbers (x times a power of two, cut as the engine cuts them), so they are the same in
    any order of rows. Null, NaN and infinities are left out.

    reads    the feature's name, the value and the clock of a table of attributions or importances
    returns  scan, window_id, segment, name, n, total = sum of x * scale, of |x| for attributions
-#}
{% from "macros.sql" import rows_of, whole, key_of, window_of, put_to_windows, by_window with context -%}
{% for listing in listings -%}
{% set scan = listing.scan -%}
select
    {{ scan.id }} as scan,
    {{ window_of(scan) | indent(4) }},
    name,
    {%- set summed %}{% call whole(listing.summed, listing.summed.name) %}bigint{% endcall %}{% endset %}
    cast(count({{ summed }}) as bigint) as n,
    cast(sum({{ summed }}) as double) as total
from (
    select
        {{ key_of(scan) }},
        {{ listing.name }} as name,
        {{ listing.summed.value }} as x
    {{ rows_of(scan) | indent(4) }}
) as {{ scan.name }}{{ put_to_windows(scan) }}
group by {{ by_window(scan) }}, name
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
