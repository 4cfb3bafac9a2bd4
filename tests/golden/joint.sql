/* driftline monitor=everything step=joint */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    target,
    cast(count(value_0) as bigint) as count_0,
    cast(count(case when value_0 < cast('0.0' as double) /* where each bin ends, from the histogram */ then 1 end) as bigint) as count_1,
    cast(count(value_1) as bigint) as count_2,
    cast(count(case when value_1 = '' /* each category */ then 1 end) as bigint) as count_3
from (
    select
        window_id,
        case when output < cast('0.0' as double) /* where each bin ends, from the histogram */ then 0 else 1 end as target,
        value_0,
        value_1
    from (
        select
            0 as window_id,
            case when cast("said" as double) <= cast('1.7976931348623157e+308' as double) or -cast("said" as double) < cast('-1.7976931348623157e+308' as double) then cast("said" as double) end as output,
            case when cast("amount" as double) <= cast('1.7976931348623157e+308' as double) or -cast("amount" as double) < cast('-1.7976931348623157e+308' as double) then cast("amount" as double) end as value_0,
            cast("country" as varchar) as value_1
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1 AND country <> 'test')
    ) as told
    where output is not null
) as production
group by window_id, target
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    target,
    cast(count(value_0) as bigint) as count_0,
    cast(count(case when value_0 < cast('0.0' as double) /* where each bin ends, from the histogram */ then 1 end) as bigint) as count_1,
    cast(count(value_1) as bigint) as count_2,
    cast(count(case when value_1 = '' /* each category */ then 1 end) as bigint) as count_3
from (
    select
        window_id,
        case when output < cast('0.0' as double) /* where each bin ends, from the histogram */ then 0 else 1 end as target,
        value_0,
        value_1
    from (
        select
            0 as window_id,
            case when cast("said" as double) <= cast('1.7976931348623157e+308' as double) or -cast("said" as double) < cast('-1.7976931348623157e+308' as double) then cast("said" as double) end as output,
            case when cast("amount" as double) <= cast('1.7976931348623157e+308' as double) or -cast("amount" as double) < cast('-1.7976931348623157e+308' as double) then cast("amount" as double) end as value_0,
            cast("country" as varchar) as value_1
        from "ml"."training"
        where ("scored_at" >= cast('2026-01-01 00:00:00' as timestamp) and "scored_at" < cast('2026-02-01 00:00:00' as timestamp))
    ) as told
    where output is not null
) as reference
group by window_id, target
