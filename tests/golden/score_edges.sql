/* driftline monitor=several step=score_edges */
select
    1 as scan,
    window_id,
    segment,
    cast(min(case when upto * 2 >= n_rows * 1 then score end) as double) as edge_0
from (
    select
        window_id,
        segment,
        score,
        sum(n) over (partition by window_id, segment) as n_rows,
        sum(n) over (partition by window_id, segment order by score rows between unbounded preceding and current row) as upto
    from (
        select
            window_id,
            '__all__' as segment,
            score,
            cast(count(*) as double) as n
        from (
            select
                0 as window_id,
                cast("outcome" as varchar) as actual,
                case when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end is null or case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end is null or case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end is null then null when case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end and case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end when case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end >= case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end then case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end else case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end end as score
            from driftline_joined_1
        ) as reference
        where actual is not null and score is not null
        group by window_id, score
    ) as counted
) as ordered
group by window_id, segment
;
/* driftline monitor=one step=score_edges */
select
    1 as scan,
    window_id,
    segment,
    cast(min(case when upto * 2 >= n_rows * 1 then score end) as double) as edge_0
from (
    select
        window_id,
        segment,
        score,
        sum(n) over (partition by window_id, segment) as n_rows,
        sum(n) over (partition by window_id, segment order by score rows between unbounded preceding and current row) as upto
    from (
        select
            window_id,
            '__all__' as segment,
            score,
            cast(count(*) as double) as n
        from (
            select
                0 as window_id,
                case when "happened" then 'true' when not "happened" then 'false' end as actual,
                case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end as score
            from "ml"."training"
        ) as reference
        where actual is not null and score is not null
        group by window_id, score
    ) as counted
) as ordered
group by window_id, segment
