{#- score_edges: scores that cut the labelled rows of a reference into parts of equal size

    An edge is the smallest score up to which at least its share of the rows lie; a part begins at it.

    reads    the clock, actual and scores of references
    returns  scan, window_id, segment, then edge_0, edge_1, …
-#}
{% from "macros.sql" import rows_of, key_of, window_of, put_to_windows, by_window with context -%}
{% for side in sides -%}
{% set scan = side.scan -%}
select
    {{ scan.id }} as scan,
    window_id,
    segment
    {%- for k in range(1, most) %},
    cast({% if k < side.parts %}min(case when upto * {{ side.parts }} >= n_rows * {{ k }} then score end){% else %}null{% endif %} as double) as edge_{{ loop.index0 }}
    {%- endfor %}
from (
    select
        window_id,
        segment,
        score,
        sum(n) over (partition by window_id, segment) as n_rows,
        sum(n) over (partition by window_id, segment order by score rows between unbounded preceding and current row) as upto
    from (
        select
            {{ window_of(scan) | indent(12) }},
            score,
            cast(count(*) as double) as n
        from (
            select
                {{ key_of(scan) }},
                {{ side.actual }} as actual,
                {{ side.score }} as score
            {{ rows_of(scan) | indent(12) }}
        ) as {{ scan.name }}{{ put_to_windows(scan) | indent(8) }}
        where actual is not null and score is not null
        group by {{ by_window(scan) }}, score
    ) as counted
) as ordered
group by window_id, segment
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
