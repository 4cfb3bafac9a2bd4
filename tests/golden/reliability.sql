/* driftline monitor=several step=reliability */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    bin,
    cast(count(*) as bigint) as n,
    cast(count(case when hit = 1 then 1 end) as bigint) as hits,
    cast(sum(try_cast(floor(x * cast('2.305843009213694e+18' as double)) as bigint)) as double) as x,
    cast(sum(try_cast(floor((x * cast('2.305843009213694e+18' as double) - floor(x * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as x_rest,
    cast(sum(try_cast(floor(x * (1 - x) * cast('2.305843009213694e+18' as double)) as bigint)) as double) as doubt,
    cast(sum(try_cast(floor((x * (1 - x) * cast('2.305843009213694e+18' as double) - floor(x * (1 - x) * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as doubt_rest,
    cast(sum(try_cast(floor(loss * cast('2.305843009213694e+18' as double)) as bigint)) as double) as loss,
    cast(sum(try_cast(floor((loss * cast('2.305843009213694e+18' as double) - floor(loss * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as loss_rest,
    cast(sum(try_cast(floor(brier * cast('2.305843009213694e+18' as double)) as bigint)) as double) as brier,
    cast(sum(try_cast(floor((brier * cast('2.305843009213694e+18' as double) - floor(brier * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as brier_rest
from (
    select
        window_id,
        case when outside = 1 then -1 when x < 1 then cast(floor(x * 10) as integer) else 9 end as bin,
        hit,
        case when outside = 0 then x end as x,
        case when outside = 0 then -ln(case when likely > cast('2.220446049250313e-16' as double) then likely else cast('2.220446049250313e-16' as double) end) / 64 end as loss,
        case when outside = 0 then brier / 2 end as brier
    from (
        select
            window_id,
            case when score_0 >= 0 and score_0 <= 1 and score_1 >= 0 and score_1 <= 1 and score_2 >= 0 and score_2 <= 1 then 0 else 1 end as outside,
            case when actual = case when score_0 is null or score_1 is null or score_2 is null then null when score_0 >= score_1 and score_0 >= score_2 then 'it''s yes' when score_1 >= score_2 then 'no' else 'maybe' end then 1 else 0 end as hit,
            case when score_0 is null or score_1 is null or score_2 is null then null when score_0 >= score_1 and score_0 >= score_2 then score_0 when score_1 >= score_2 then score_1 else score_2 end as x,
            case when actual = 'it''s yes' then score_0 when actual = 'no' then score_1 when actual = 'maybe' then score_2 else 0 end as likely,
            case when actual = 'it''s yes' then (1 - score_0) * (1 - score_0) else score_0 * score_0 end + case when actual = 'no' then (1 - score_1) * (1 - score_1) else score_1 * score_1 end + case when actual = 'maybe' then (1 - score_2) * (1 - score_2) else score_2 * score_2 end + case when actual in ('it''s yes', 'no', 'maybe') then 0 else 1 end as brier
        from (
            select
                0 as window_id,
                cast("outcome" as varchar) as actual,
                case when abs(case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end) < cast('1e-100' as double) then cast('0.0' as double) else case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end end as score_0,
                case when abs(case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end) < cast('1e-100' as double) then cast('0.0' as double) else case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end end as score_1,
                case when abs(case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end) < cast('1e-100' as double) then cast('0.0' as double) else case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end end as score_2
            from driftline_joined_0
        ) as scored
        where actual is not null and score_0 is not null and score_1 is not null and score_2 is not null
    ) as told
) as production
group by window_id, bin
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    bin,
    cast(count(*) as bigint) as n,
    cast(count(case when hit = 1 then 1 end) as bigint) as hits,
    cast(sum(try_cast(floor(x * cast('2.305843009213694e+18' as double)) as bigint)) as double) as x,
    cast(sum(try_cast(floor((x * cast('2.305843009213694e+18' as double) - floor(x * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as x_rest,
    cast(sum(try_cast(floor(x * (1 - x) * cast('2.305843009213694e+18' as double)) as bigint)) as double) as doubt,
    cast(sum(try_cast(floor((x * (1 - x) * cast('2.305843009213694e+18' as double) - floor(x * (1 - x) * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as doubt_rest,
    cast(sum(try_cast(floor(loss * cast('2.305843009213694e+18' as double)) as bigint)) as double) as loss,
    cast(sum(try_cast(floor((loss * cast('2.305843009213694e+18' as double) - floor(loss * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as loss_rest,
    cast(sum(try_cast(floor(brier * cast('2.305843009213694e+18' as double)) as bigint)) as double) as brier,
    cast(sum(try_cast(floor((brier * cast('2.305843009213694e+18' as double) - floor(brier * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as brier_rest
from (
    select
        window_id,
        case when outside = 1 then -1 when x < 1 then cast(floor(x * 10) as integer) else 9 end as bin,
        hit,
        case when outside = 0 then x end as x,
        case when outside = 0 then -ln(case when likely > cast('2.220446049250313e-16' as double) then likely else cast('2.220446049250313e-16' as double) end) / 64 end as loss,
        case when outside = 0 then brier / 2 end as brier
    from (
        select
            window_id,
            case when score_0 >= 0 and score_0 <= 1 and score_1 >= 0 and score_1 <= 1 and score_2 >= 0 and score_2 <= 1 then 0 else 1 end as outside,
            case when actual = case when score_0 is null or score_1 is null or score_2 is null then null when score_0 >= score_1 and score_0 >= score_2 then 'it''s yes' when score_1 >= score_2 then 'no' else 'maybe' end then 1 else 0 end as hit,
            case when score_0 is null or score_1 is null or score_2 is null then null when score_0 >= score_1 and score_0 >= score_2 then score_0 when score_1 >= score_2 then score_1 else score_2 end as x,
            case when actual = 'it''s yes' then score_0 when actual = 'no' then score_1 when actual = 'maybe' then score_2 else 0 end as likely,
            case when actual = 'it''s yes' then (1 - score_0) * (1 - score_0) else score_0 * score_0 end + case when actual = 'no' then (1 - score_1) * (1 - score_1) else score_1 * score_1 end + case when actual = 'maybe' then (1 - score_2) * (1 - score_2) else score_2 * score_2 end + case when actual in ('it''s yes', 'no', 'maybe') then 0 else 1 end as brier
        from (
            select
                0 as window_id,
                cast("outcome" as varchar) as actual,
                case when abs(case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end) < cast('1e-100' as double) then cast('0.0' as double) else case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end end as score_0,
                case when abs(case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end) < cast('1e-100' as double) then cast('0.0' as double) else case when abs(cast("p_no" as double)) < cast('1e+150' as double) then cast("p_no" as double) end end as score_1,
                case when abs(case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end) < cast('1e-100' as double) then cast('0.0' as double) else case when abs(cast("p_maybe" as double)) < cast('1e+150' as double) then cast("p_maybe" as double) end end as score_2
            from driftline_joined_1
        ) as scored
        where actual is not null and score_0 is not null and score_1 is not null and score_2 is not null
    ) as told
) as reference
group by window_id, bin
;
/* driftline monitor=one step=reliability */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    bin,
    cast(count(*) as bigint) as n,
    cast(count(case when hit = 1 then 1 end) as bigint) as hits,
    cast(sum(try_cast(floor(x * cast('2.305843009213694e+18' as double)) as bigint)) as double) as x,
    cast(sum(try_cast(floor((x * cast('2.305843009213694e+18' as double) - floor(x * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as x_rest,
    cast(sum(try_cast(floor(x * (1 - x) * cast('2.305843009213694e+18' as double)) as bigint)) as double) as doubt,
    cast(sum(try_cast(floor((x * (1 - x) * cast('2.305843009213694e+18' as double) - floor(x * (1 - x) * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as doubt_rest,
    cast(sum(try_cast(floor(loss * cast('2.305843009213694e+18' as double)) as bigint)) as double) as loss,
    cast(sum(try_cast(floor((loss * cast('2.305843009213694e+18' as double) - floor(loss * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as loss_rest,
    cast(sum(try_cast(floor(brier * cast('2.305843009213694e+18' as double)) as bigint)) as double) as brier,
    cast(sum(try_cast(floor((brier * cast('2.305843009213694e+18' as double) - floor(brier * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as brier_rest
from (
    select
        window_id,
        case when outside = 1 then -1 when x < 1 then cast(floor(x * 10) as integer) else 9 end as bin,
        hit,
        case when outside = 0 then x end as x,
        case when outside = 0 then -ln(case when likely > cast('2.220446049250313e-16' as double) then likely else cast('2.220446049250313e-16' as double) end) / 64 end as loss,
        case when outside = 0 then brier / 2 end as brier
    from (
        select
            window_id,
            case when score_0 >= 0 and score_0 <= 1 then 0 else 1 end as outside,
            case when actual = 'true' then 1 else 0 end as hit,
            score_0 as x,
            case when actual = 'true' then score_0 else 1 - score_0 end as likely,
            ((case when actual = 'true' then score_0 else 1 - score_0 end) - 1) * ((case when actual = 'true' then score_0 else 1 - score_0 end) - 1) as brier
        from (
            select
                0 as window_id,
                case when "happened" then 'true' when not "happened" then 'false' end as actual,
                case when abs(case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end) < cast('1e-100' as double) then cast('0.0' as double) else case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end end as score_0
            from "ml"."sco""red"
            where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
                and (amount >= 1)
        ) as scored
        where actual is not null and score_0 is not null
    ) as told
) as production
group by window_id, bin
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    bin,
    cast(count(*) as bigint) as n,
    cast(count(case when hit = 1 then 1 end) as bigint) as hits,
    cast(sum(try_cast(floor(x * cast('2.305843009213694e+18' as double)) as bigint)) as double) as x,
    cast(sum(try_cast(floor((x * cast('2.305843009213694e+18' as double) - floor(x * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as x_rest,
    cast(sum(try_cast(floor(x * (1 - x) * cast('2.305843009213694e+18' as double)) as bigint)) as double) as doubt,
    cast(sum(try_cast(floor((x * (1 - x) * cast('2.305843009213694e+18' as double) - floor(x * (1 - x) * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as doubt_rest,
    cast(sum(try_cast(floor(loss * cast('2.305843009213694e+18' as double)) as bigint)) as double) as loss,
    cast(sum(try_cast(floor((loss * cast('2.305843009213694e+18' as double) - floor(loss * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as loss_rest,
    cast(sum(try_cast(floor(brier * cast('2.305843009213694e+18' as double)) as bigint)) as double) as brier,
    cast(sum(try_cast(floor((brier * cast('2.305843009213694e+18' as double) - floor(brier * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as brier_rest
from (
    select
        window_id,
        case when outside = 1 then -1 when x < 1 then cast(floor(x * 10) as integer) else 9 end as bin,
        hit,
        case when outside = 0 then x end as x,
        case when outside = 0 then -ln(case when likely > cast('2.220446049250313e-16' as double) then likely else cast('2.220446049250313e-16' as double) end) / 64 end as loss,
        case when outside = 0 then brier / 2 end as brier
    from (
        select
            window_id,
            case when score_0 >= 0 and score_0 <= 1 then 0 else 1 end as outside,
            case when actual = 'true' then 1 else 0 end as hit,
            score_0 as x,
            case when actual = 'true' then score_0 else 1 - score_0 end as likely,
            ((case when actual = 'true' then score_0 else 1 - score_0 end) - 1) * ((case when actual = 'true' then score_0 else 1 - score_0 end) - 1) as brier
        from (
            select
                0 as window_id,
                case when "happened" then 'true' when not "happened" then 'false' end as actual,
                case when abs(case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end) < cast('1e-100' as double) then cast('0.0' as double) else case when abs(cast("p ""yes""" as double)) < cast('1e+150' as double) then cast("p ""yes""" as double) end end as score_0
            from "ml"."training"
        ) as scored
        where actual is not null and score_0 is not null
    ) as told
) as reference
group by window_id, bin
