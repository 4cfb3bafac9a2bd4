{#- listed_importances: what a table with a row for each feature says of each

    Sums are of whole numbers (x times a power of two, cut as the engine cuts them), so they are the same in
    any order of rows. Null, NaN and infinities are left out.

    reads    the feature's name, the value and the clock of a table of attributions or importances
    returns  scan, window_id, segment, name, n, total = sum of x * scale, of |x| for attributions
-#}
{% from "macros.sql" import window_key, rows_of, placed_steps, whole with context -%}
{% for listing in listings -%}
{% set scan = listing.scan -%}
select
    {{ scan.id }} as scan,
    {% if scan.placed %}placed.{% endif %}window_id,
    {% if scan.placed %}placed.segment{% else %}'__all__' as segment{% endif %},
    name,
    {%- set summed %}{% call whole(listing.summed, listing.summed.name) %}bigint{% endcall %}{% endset %}
    cast(count({{ summed }}) as bigint) as n,
    cast(sum({{ summed }}) as double) as total
from (
    select
        {{ window_key(scan) }} as {% if scan.placed %}step{% else %}window_id{% endif %},
        {{ listing.name }} as name,
        {{ listing.summed.value }} as x
    {{ rows_of(scan) | indent(4) }}
) as {{ scan.name }}
{%- if scan.placed %}
inner join {{ placed_steps([scan]) }}
    on placed.step = {{ scan.name }}.step
{%- endif %}
group by {% if scan.placed %}placed.window_id, placed.segment{% else %}window_id{% endif %}, name
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
