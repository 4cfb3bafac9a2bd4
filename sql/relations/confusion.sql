{#- confusion: rows of every pair of a class that happened and one that was predicted

    reads    a scan's clock, actual, and prediction or scores
    returns  scan, window_id, segment, actual, predicted: texts, null where there is none; n: rows;
             labelled: those with an actual of any kind
-#}
{% from "macros.sql" import window_key, rows_of, placed_steps with context -%}
{% for side in sides -%}
{% set scan = side.scan -%}
select
    {{ scan.id }} as scan,
    {% if scan.placed %}placed.{% endif %}window_id,
    {% if scan.placed %}placed.segment{% else %}'__all__' as segment{% endif %},
    actual,
    predicted,
    cast(count(*) as bigint) as n,
    cast(count(given) as bigint) as labelled
from (
    select
        {{ window_key(scan) }} as {% if scan.placed %}step{% else %}window_id{% endif %},
        {{ side.given }} as given,
        {{ side.actual }} as actual,
        {{ side.predicted }} as predicted
    {{ rows_of(scan) | indent(4) }}
) as {{ scan.name }}
{%- if scan.placed %}
inner join {{ placed_steps([scan]) }}
    on placed.step = {{ scan.name }}.step
{%- endif %}
group by {% if scan.placed %}placed.window_id, placed.segment{% else %}window_id{% endif %}, actual, predicted
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
