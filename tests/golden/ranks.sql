/* driftline monitor=several step=ranks */
select
    0 as scan,
    'it''s yes' as target,
    window_id,
    segment,
    max(positives) as positives,
    max(negatives) as negatives,
    cast(sum(cast(p * (2 * below + q) as bigint)) as double) as wins,
    cast(sum(try_cast(floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as missed,
    cast(sum(try_cast(floor((p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as missed_rest,
    cast(sum(try_cast(floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as passed,
    cast(sum(try_cast(floor((q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as passed_rest
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
                window_id,
                '__all__' as segment,
                score,
                cast(count(case when hit = 1 then 1 end) as double) as p,
                cast(count(case when hit = 0 then 1 end) as double) as q
            from (
                select
                    0 as window_id,
                    case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end as score,
                    case when cast("outcome" as varchar) = 'it''s yes' then 1 when cast("outcome" as varchar) <> 'it''s yes' then 0 end as hit
                from driftline_joined_0
            ) as production
            where score is not null and hit is not null
            group by window_id, score
        ) as counted
    ) as summed
) as ranked
group by window_id, segment
union all
select
    0 as scan,
    'no' as target,
    window_id,
    segment,
    max(positives) as positives,
    max(negatives) as negatives,
    cast(sum(cast(p * (2 * below + q) as bigint)) as double) as wins,
    cast(sum(try_cast(floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as missed,
    cast(sum(try_cast(floor((p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as missed_rest,
    cast(sum(try_cast(floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as passed,
    cast(sum(try_cast(floor((q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as passed_rest
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
                window_id,
                '__all__' as segment,
                score,
                cast(count(case when hit = 1 then 1 end) as double) as p,
                cast(count(case when hit = 0 then 1 end) as double) as q
            from (
                select
                    0 as window_id,
                    case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end as score,
                    case when cast("outcome" as varchar) = 'no' then 1 when cast("outcome" as varchar) <> 'no' then 0 end as hit
                from driftline_joined_0
            ) as production
            where score is not null and hit is not null
            group by window_id, score
        ) as counted
    ) as summed
) as ranked
group by window_id, segment
union all
select
    0 as scan,
    'maybe' as target,
    window_id,
    segment,
    max(positives) as positives,
    max(negatives) as negatives,
    cast(sum(cast(p * (2 * below + q) as bigint)) as double) as wins,
    cast(sum(try_cast(floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as missed,
    cast(sum(try_cast(floor((p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as missed_rest,
    cast(sum(try_cast(floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as passed,
    cast(sum(try_cast(floor((q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as passed_rest
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
                window_id,
                '__all__' as segment,
                score,
                cast(count(case when hit = 1 then 1 end) as double) as p,
                cast(count(case when hit = 0 then 1 end) as double) as q
            from (
                select
                    0 as window_id,
                    case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end as score,
                    case when cast("outcome" as varchar) = 'maybe' then 1 when cast("outcome" as varchar) <> 'maybe' then 0 end as hit
                from driftline_joined_0
            ) as production
            where score is not null and hit is not null
            group by window_id, score
        ) as counted
    ) as summed
) as ranked
group by window_id, segment
union all
select
    1 as scan,
    'it''s yes' as target,
    window_id,
    segment,
    max(positives) as positives,
    max(negatives) as negatives,
    cast(sum(cast(p * (2 * below + q) as bigint)) as double) as wins,
    cast(sum(try_cast(floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as missed,
    cast(sum(try_cast(floor((p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as missed_rest,
    cast(sum(try_cast(floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as passed,
    cast(sum(try_cast(floor((q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as passed_rest
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
                window_id,
                '__all__' as segment,
                score,
                cast(count(case when hit = 1 then 1 end) as double) as p,
                cast(count(case when hit = 0 then 1 end) as double) as q
            from (
                select
                    0 as window_id,
                    case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end as score,
                    case when cast("outcome" as varchar) = 'it''s yes' then 1 when cast("outcome" as varchar) <> 'it''s yes' then 0 end as hit
                from driftline_joined_1
            ) as reference
            where score is not null and hit is not null
            group by window_id, score
        ) as counted
    ) as summed
) as ranked
group by window_id, segment
union all
select
    1 as scan,
    'no' as target,
    window_id,
    segment,
    max(positives) as positives,
    max(negatives) as negatives,
    cast(sum(cast(p * (2 * below + q) as bigint)) as double) as wins,
    cast(sum(try_cast(floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as missed,
    cast(sum(try_cast(floor((p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as missed_rest,
    cast(sum(try_cast(floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as passed,
    cast(sum(try_cast(floor((q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as passed_rest
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
                window_id,
                '__all__' as segment,
                score,
                cast(count(case when hit = 1 then 1 end) as double) as p,
                cast(count(case when hit = 0 then 1 end) as double) as q
            from (
                select
                    0 as window_id,
                    case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end as score,
                    case when cast("outcome" as varchar) = 'no' then 1 when cast("outcome" as varchar) <> 'no' then 0 end as hit
                from driftline_joined_1
            ) as reference
            where score is not null and hit is not null
            group by window_id, score
        ) as counted
    ) as summed
) as ranked
group by window_id, segment
union all
select
    1 as scan,
    'maybe' as target,
    window_id,
    segment,
    max(positives) as positives,
    max(negatives) as negatives,
    cast(sum(cast(p * (2 * below + q) as bigint)) as double) as wins,
    cast(sum(try_cast(floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as missed,
    cast(sum(try_cast(floor((p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as missed_rest,
    cast(sum(try_cast(floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as passed,
    cast(sum(try_cast(floor((q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as passed_rest
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
                window_id,
                '__all__' as segment,
                score,
                cast(count(case when hit = 1 then 1 end) as double) as p,
                cast(count(case when hit = 0 then 1 end) as double) as q
            from (
                select
                    0 as window_id,
                    case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end as score,
                    case when cast("outcome" as varchar) = 'maybe' then 1 when cast("outcome" as varchar) <> 'maybe' then 0 end as hit
                from driftline_joined_1
            ) as reference
            where score is not null and hit is not null
            group by window_id, score
        ) as counted
    ) as summed
) as ranked
group by window_id, segment
;
/* driftline monitor=one step=ranks */
select
    0 as scan,
    'true' as target,
    window_id,
    segment,
    max(positives) as positives,
    max(negatives) as negatives,
    cast(sum(cast(p * (2 * below + q) as bigint)) as double) as wins,
    cast(sum(try_cast(floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as missed,
    cast(sum(try_cast(floor((p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as missed_rest,
    cast(sum(try_cast(floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as passed,
    cast(sum(try_cast(floor((q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as passed_rest
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
                window_id,
                '__all__' as segment,
                score,
                cast(count(case when hit = 1 then 1 end) as double) as p,
                cast(count(case when hit = 0 then 1 end) as double) as q
            from (
                select
                    0 as window_id,
                    case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end as score,
                    case when case when "happened" then 'true' when not "happened" then 'false' end = 'true' then 1 when case when "happened" then 'true' when not "happened" then 'false' end <> 'true' then 0 end as hit
                from "ml"."sco""red"
                where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                    and (amount >= 1)
            ) as production
            where score is not null and hit is not null
            group by window_id, score
        ) as counted
    ) as summed
) as ranked
group by window_id, segment
union all
select
    1 as scan,
    'true' as target,
    window_id,
    segment,
    max(positives) as positives,
    max(negatives) as negatives,
    cast(sum(cast(p * (2 * below + q) as bigint)) as double) as wins,
    cast(sum(try_cast(floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as missed,
    cast(sum(try_cast(floor((p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(p * (missed * missed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as missed_rest,
    cast(sum(try_cast(floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double)) as bigint)) as double) as passed,
    cast(sum(try_cast(floor((q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double) - floor(q * (passed * passed) / 4294967296 * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as passed_rest
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
                window_id,
                '__all__' as segment,
                score,
                cast(count(case when hit = 1 then 1 end) as double) as p,
                cast(count(case when hit = 0 then 1 end) as double) as q
            from (
                select
                    0 as window_id,
                    case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end as score,
                    case when case when "happened" then 'true' when not "happened" then 'false' end = 'true' then 1 when case when "happened" then 'true' when not "happened" then 'false' end <> 'true' then 0 end as hit
                from "ml"."training"
            ) as reference
            where score is not null and hit is not null
            group by window_id, score
        ) as counted
    ) as summed
) as ranked
group by window_id, segment
