{#- score_edges: scores that cut the labelled rows of a reference into parts of equal size

    An edge is the smallest score up to which at least its share of the rows lie; a part begins at it.

    reads    the clock, actual and scores of references
    returns  scan, window_id, segment, then edge_0, edge_1, …
-#}
{% from "macros.sql" import window_key, rows_of, placed_steps with context -%}
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
            {% if scan.placed %}placed.{% endif %}window_id,
            {% if scan.placed %}placed.segment{% else %}'__all__' as segment{% endif %},
            score,
            cast(count(*) as double) as n
        from (
            select
                {{ window_key(scan) }} as {% if scan.placed %}step{% else %}window_id{% endif %},
                {{ side.actual }} as actual,
                {{ side.score }} as score
            {{ rows_of(scan) | indent(12) }}
        ) as {{ scan.name }}
        {%- if scan.placed %}
        inner join {{ placed_steps([scan]) }}
            on placed.step = {{ scan.name }}.step
        {%- endif %}
        where actual is not null and score is not null
        group by {% if scan.placed %}placed.window_id, placed.segment{% else %}window_id{% endif %}, score
    ) as counted
) as ordered
group by window_id, segment
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
