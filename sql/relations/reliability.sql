{#- reliability: what was predicted with which probability, and how often it happened

    Rows with an actual and all scores fall into ten bins of equal width by the probability x of what may
    happen: the positive class, or of several classes the one predicted. Sums are of whole numbers, as those
    of errors are.

    reads    a scan's clock, actual and scores
    returns  scan, window_id, segment; bin: 0 to 9, -1 where a score is no probability; n: rows; hits: those
             where it happened; and sums, by two columns each: of x, of x * (1 - x), of the logarithmic loss
             over 64 and of the Brier score over 2
-#}
{% from "macros.sql" import rows_of, limbs, key_of, key_name, window_of, put_to_windows, by_window with context -%}
{% for side in sides -%}
{% set scan = side.scan -%}
select
    {{ scan.id }} as scan,
    {{ window_of(scan) | indent(4) }},
    bin,
    cast(count(*) as bigint) as n,
    cast(count(case when hit = 1 then 1 end) as bigint) as hits,
    {{ limbs("x", "x") }},
    {{ limbs("x * (1 - x)", "doubt") }},
    {{ limbs("loss", "loss") }},
    {{ limbs("brier", "brier") }}
from (
    select
        {{ key_name(scan) }},
        case when outside = 1 then -1 when x < 1 then cast(floor(x * 10) as integer) else 9 end as bin,
        hit,
        case when outside = 0 then x end as x,
        case when outside = 0 then -ln(case when likely > {{ clip }} then likely else {{ clip }} end) / 64 end as loss,
        case when outside = 0 then brier / 2 end as brier
    from (
        select
            {{ key_name(scan) }},
            {{ side.outside }} as outside,
            {{ side.hit }} as hit,
            {{ side.x }} as x,
            {{ side.likely }} as likely,
            {{ side.brier }} as brier
        from (
            select
                {{ key_of(scan) }},
                {{ side.actual }} as actual
                {%- for score in side.scores %},
                {{ score }} as score_{{ loop.index0 }}
                {%- endfor %}
            {{ rows_of(scan) | indent(12) }}
        ) as scored
        where actual is not null and {{ side.whole }}
    ) as told
) as {{ scan.name }}{{ put_to_windows(scan) }}
group by {{ by_window(scan) }}, bin
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
