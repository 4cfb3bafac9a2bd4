{#- confusion: rows of every pair of a class that happened and one that was predicted

    reads    a scan's clock, actual, and prediction or scores
    returns  scan, window_id, segment, actual, predicted: texts, null where there is none; n: rows;
             labelled: those with an actual of any kind
-#}
{% from "macros.sql" import rows_of, key_of, window_of, put_to_windows, by_window with context -%}
{% for side in sides -%}
{% set scan = side.scan -%}
select
    {{ scan.id }} as scan,
    {{ window_of(scan) | indent(4) }},
    actual,
    predicted,
    cast(count(*) as bigint) as n,
    cast(count(given) as bigint) as labelled
from (
    select
        {{ key_of(scan) }},
        {{ side.given }} as given,
        {{ side.actual }} as actual,
        {{ side.predicted }} as predicted
    {{ rows_of(scan) | indent(4) }}
) as {{ scan.name }}{{ put_to_windows(scan) }}
group by {{ by_window(scan) }}, actual, predicted
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
