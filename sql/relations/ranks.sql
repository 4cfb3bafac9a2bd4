{#- ranks: how often rows of a class have a higher score for it than rows of other classes

    Rows are counted for each different score, and these are gone through in order: of every row of the
    class, `missed` is the share of other rows that score higher, ties by half; of every other row,
    `passed` the share of the class's rows that score lower. Nothing but sums leaves the warehouse.

    reads    a scan's clock, actual and one class's score, a branch for each class
    returns  scan, target, window_id, segment; positives, negatives: rows; wins: twice the pairs in which the
             class's row scores higher, ties by half; and sums of missed^2 and of passed^2 over 2^32, by
             two columns each
-#}
{% from "macros.sql" import rows_of, limbs, key_of, window_of, put_to_windows, by_window with context -%}
{% for side in sides -%}
{% set scan = side.scan -%}
select
    {{ scan.id }} as scan,
    {{ side.target }} as target,
    window_id,
    segment,
    max(positives) as positives,
    max(negatives) as negatives,
    cast(sum(cast(p * (2 * below + q) as bigint)) as double) as wins,
    {{ limbs("p * (missed * missed) / 4294967296", "missed") }},
    {{ limbs("q * (passed * passed) / 4294967296", "passed") }}
from (
    select
        window_id,
        segment,
        p,
        q,
        positives,
        negatives,
        upto - q as below,
        case when negatives > 0 then (2 * (negatives - upto) + q) / (2 * negatives) end as missed,
        case when positives > 0 then (2 * (p_upto - p) + p) / (2 * positives) end as passed
    from (
        select
            window_id,
            segment,
            p,
            q,
            sum(p) over (partition by window_id, segment) as positives,
            sum(q) over (partition by window_id, segment) as negatives,
            sum(p) over (partition by window_id, segment order by score rows between unbounded preceding and current row) as p_upto,
            sum(q) over (partition by window_id, segment order by score rows between unbounded preceding and current row) as upto
        from (
            select
                {{ window_of(scan) | indent(16) }},
                score,
                cast(count(case when hit = 1 then 1 end) as double) as p,
                cast(count(case when hit = 0 then 1 end) as double) as q
            from (
                select
                    {{ key_of(scan) }},
                    {{ side.score }} as score,
                    {{ side.hit }} as hit
                {{ rows_of(scan) | indent(16) }}
            ) as {{ scan.name }}{{ put_to_windows(scan) | indent(12) }}
            where score is not null and hit is not null
            group by {{ by_window(scan) }}, score
        ) as counted
    ) as summed
) as ranked
group by window_id, segment
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
