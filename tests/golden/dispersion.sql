/* driftline monitor=clusters step=dispersion */
select
    1 as scan,
    window_id,
    '__all__' as segment,
    target,
    cast(count(1) as bigint) as count_0,
    cast(count(value_0) as bigint) as count_1,
    cast(count(case when value_0 < cast('0.0' as double) /* where each bin ends, from the histogram */ then 1 end) as bigint) as count_2,
    cast(count(value_1) as bigint) as count_3,
    cast(count(case when value_1 < cast('0.0' as double) /* where each bin ends, from the histogram */ then 1 end) as bigint) as count_4,
    cast(count(value_2) as bigint) as count_5,
    cast(count(case when value_2 = '' /* each category */ then 1 end) as bigint) as count_6
from (
    select
        window_id,
        0 as target,
        value_0,
        value_1,
        value_2
    from (
        select
            cast(floor((cast(extract(epoch from "at") as double) - cast('1771545600.0' as double)) / cast('86400.0' as double)) as integer) as window_id,
            1 as output,
            case when cast("x" as double) <= cast('1.7976931348623157e+308' as double) or -cast("x" as double) < cast('-1.7976931348623157e+308' as double) then cast("x" as double) end as value_0,
            cast("o""r" as double) as value_1,
            cast("country" as varchar) as value_2
        from "ml"."scored"
        where ("at" >= cast('2026-02-20 00:00:00' as timestamp) and "at" < cast('2026-03-01 00:00:00' as timestamp))
            and (x < 9)
    ) as told
    where output is not null
) as reference
group by window_id, target
;
/* driftline monitor=clusters step=dispersion */
select
    2 as scan,
    placed.window_id,
    placed.segment,
    target,
    cast(count(1) as bigint) as count_0,
    cast(count(value_0) as bigint) as count_1,
    cast(count(case when value_0 < cast('0.0' as double) /* where each bin ends, from the histogram */ then 1 end) as bigint) as count_2,
    cast(count(value_1) as bigint) as count_3,
    cast(count(case when value_1 < cast('0.0' as double) /* where each bin ends, from the histogram */ then 1 end) as bigint) as count_4,
    cast(count(value_2) as bigint) as count_5,
    cast(count(case when value_2 = '' /* each category */ then 1 end) as bigint) as count_6
from (
    select
        step,
        0 as target,
        value_0,
        value_1,
        value_2
    from (
        select
            case when "at" < cast('2026-01-26 00:00:00' as timestamp) then case when "at" < cast('2026-01-12 00:00:00' as timestamp) then case when "at" < cast('2026-01-05 00:00:00' as timestamp) then 0 else case when "at" < cast('2026-01-11 00:00:00' as timestamp) then 1 else 2 end end else case when "at" < cast('2026-01-19 00:00:00' as timestamp) then case when "at" < cast('2026-01-18 00:00:00' as timestamp) then 3 else 4 end else case when "at" < cast('2026-01-25 00:00:00' as timestamp) then 5 else 6 end end end else case when "at" < cast('2026-02-09 00:00:00' as timestamp) then case when "at" < cast('2026-02-02 00:00:00' as timestamp) then case when "at" < cast('2026-02-01 00:00:00' as timestamp) then 7 else 8 end else case when "at" < cast('2026-02-08 00:00:00' as timestamp) then 9 else 10 end end else case when "at" < cast('2026-02-16 00:00:00' as timestamp) then case when "at" < cast('2026-02-15 00:00:00' as timestamp) then 11 else 12 end else case when "at" < cast('2026-02-22 00:00:00' as timestamp) then 13 else 14 end end end end as step,
            1 as output,
            case when cast("x" as double) <= cast('1.7976931348623157e+308' as double) or -cast("x" as double) < cast('-1.7976931348623157e+308' as double) then cast("x" as double) end as value_0,
            cast("o""r" as double) as value_1,
            cast("country" as varchar) as value_2
        from "ml"."scored"
        where ("at" >= cast('2026-01-04 00:00:00' as timestamp) and "at" < cast('2026-02-23 00:00:00' as timestamp))
            and (("at" >= cast('2026-01-04 00:00:00' as timestamp) and "at" < cast('2026-01-05 00:00:00' as timestamp)) or ("at" >= cast('2026-01-11 00:00:00' as timestamp) and "at" < cast('2026-01-12 00:00:00' as timestamp)) or ("at" >= cast('2026-01-18 00:00:00' as timestamp) and "at" < cast('2026-01-19 00:00:00' as timestamp)) or ("at" >= cast('2026-01-25 00:00:00' as timestamp) and "at" < cast('2026-01-26 00:00:00' as timestamp)) or ("at" >= cast('2026-02-01 00:00:00' as timestamp) and "at" < cast('2026-02-02 00:00:00' as timestamp)) or ("at" >= cast('2026-02-08 00:00:00' as timestamp) and "at" < cast('2026-02-09 00:00:00' as timestamp)) or ("at" >= cast('2026-02-15 00:00:00' as timestamp) and "at" < cast('2026-02-16 00:00:00' as timestamp)) or ("at" >= cast('2026-02-22 00:00:00' as timestamp) and "at" < cast('2026-02-23 00:00:00' as timestamp)))
            and (x < 9)
    ) as told
    where output is not null
) as reference_2
inner join (values (2, 0, 0, '__all__'), (2, 2, 1, '__all__'), (2, 4, 2, '__all__'), (2, 6, 3, '__all__'), (2, 8, 4, '__all__'), (2, 10, 5, '__all__'), (2, 12, 6, '__all__'), (2, 14, 7, '__all__')) as placed(scan, step, window_id, segment)
    on placed.step = reference_2.step
group by placed.window_id, placed.segment, target
