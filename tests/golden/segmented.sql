/* driftline monitor=segments step=profile */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    cast(count(*) as bigint) as row_count
from (
    select
        0 as window_id
    from "ml"."scored"
    where ("at" >= cast('2026-02-23 00:00:00' as timestamp) and "at" < cast('2026-03-02 00:00:00' as timestamp))
        and (x < 9)
) as production
group by window_id
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    cast(count(*) as bigint) as row_count
from (
    select
        0 as window_id
    from "ml"."training"
) as reference
group by window_id
union all
select
    2 as scan,
    placed.window_id,
    placed.segment,
    cast(count(*) as bigint) as row_count
from (
    select
        0 as step
    from (
    select
        keyed.*,
        cells.cell as driftline_cell
    from (
        select
            *,
            coalesce(cast("country" as varchar), '__null__') as driftline_key_0
        from "ml"."scored"
        where ("at" >= cast('2026-02-23 00:00:00' as timestamp) and "at" < cast('2026-03-02 00:00:00' as timestamp))
            and (x < 9)
    ) as keyed
    inner join (
        values ('country' /* one for each segment, from the rows */, 0)
    ) as cells(value_0, cell)
        on cells.value_0 = keyed.driftline_key_0
    ) as driftline_segmented_2
) as production_by_segment_2
inner join (values (2, 0, 0, '' /* one for each segment, from the rows */)) as placed(scan, step, window_id, segment)
    on placed.step = production_by_segment_2.step
group by placed.window_id, placed.segment
union all
select
    3 as scan,
    placed.window_id,
    placed.segment,
    cast(count(*) as bigint) as row_count
from (
    select
        0 as step
    from (
    select
        keyed.*,
        cells.cell as driftline_cell
    from (
        select
            *,
            coalesce(cast("country" as varchar), '__null__') as driftline_key_0
        from "ml"."training"
    ) as keyed
    inner join (
        values ('country' /* one for each segment, from the rows */, 0)
    ) as cells(value_0, cell)
        on cells.value_0 = keyed.driftline_key_0
    ) as driftline_segmented_3
) as reference_by_segment_3
inner join (values (3, 0, 0, '' /* one for each segment, from the rows */)) as placed(scan, step, window_id, segment)
    on placed.step = reference_by_segment_3.step
group by placed.window_id, placed.segment
union all
select
    4 as scan,
    placed.window_id,
    placed.segment,
    cast(count(*) as bigint) as row_count
from (
    select
        0 as step
    from "ml"."scored"
    where ("at" >= cast('2026-02-23 00:00:00' as timestamp) and "at" < cast('2026-03-02 00:00:00' as timestamp))
        and (x < 9) and (x > 1)
) as production_by_segment_4
inner join (values (4, 0, 0, 'large')) as placed(scan, step, window_id, segment)
    on placed.step = production_by_segment_4.step
group by placed.window_id, placed.segment
union all
select
    5 as scan,
    placed.window_id,
    placed.segment,
    cast(count(*) as bigint) as row_count
from (
    select
        0 as step
    from "ml"."training"
    where (x > 1)
) as reference_by_segment_5
inner join (values (5, 0, 0, 'large')) as placed(scan, step, window_id, segment)
    on placed.step = reference_by_segment_5.step
group by placed.window_id, placed.segment
union all
select
    6 as scan,
    placed.window_id,
    placed.segment,
    cast(count(*) as bigint) as row_count
from (
    select
        0 as step
    from (
    select
        keyed.*,
        cells.cell as driftline_cell
    from (
        select
            *,
            coalesce(cast("country" as varchar), '__null__') as driftline_key_0,
            coalesce(case when case when "o""r" <= cast('1.7976931348623157e+308' as double) or -"o""r" < cast('-1.7976931348623157e+308' as double) then "o""r" end is not null then case when cast("o""r" as double) = floor(cast("o""r" as double)) and abs(cast("o""r" as double)) < cast('9e+18' as double) then cast(cast(cast("o""r" as double) as bigint) as varchar) else cast(cast("o""r" as double) as varchar) end end, '__null__') as driftline_key_1
        from "ml"."scored"
        where ("at" >= cast('2026-02-23 00:00:00' as timestamp) and "at" < cast('2026-03-02 00:00:00' as timestamp))
            and (x < 9)
    ) as keyed
    inner join (
        values ('country' /* one for each segment, from the rows */, 'o"r' /* one for each segment, from the rows */, 0)
    ) as cells(value_0, value_1, cell)
        on cells.value_0 = keyed.driftline_key_0 and cells.value_1 = keyed.driftline_key_1
    ) as driftline_segmented_6
) as production_by_segment_6
inner join (values (6, 0, 0, '' /* one for each segment, from the rows */)) as placed(scan, step, window_id, segment)
    on placed.step = production_by_segment_6.step
group by placed.window_id, placed.segment
union all
select
    7 as scan,
    placed.window_id,
    placed.segment,
    cast(count(*) as bigint) as row_count
from (
    select
        0 as step
    from (
    select
        keyed.*,
        cells.cell as driftline_cell
    from (
        select
            *,
            coalesce(cast("country" as varchar), '__null__') as driftline_key_0,
            coalesce(case when case when "o""r" <= cast('1.7976931348623157e+308' as double) or -"o""r" < cast('-1.7976931348623157e+308' as double) then "o""r" end is not null then case when cast("o""r" as double) = floor(cast("o""r" as double)) and abs(cast("o""r" as double)) < cast('9e+18' as double) then cast(cast(cast("o""r" as double) as bigint) as varchar) else cast(cast("o""r" as double) as varchar) end end, '__null__') as driftline_key_1
        from "ml"."training"
    ) as keyed
    inner join (
        values ('country' /* one for each segment, from the rows */, 'o"r' /* one for each segment, from the rows */, 0)
    ) as cells(value_0, value_1, cell)
        on cells.value_0 = keyed.driftline_key_0 and cells.value_1 = keyed.driftline_key_1
    ) as driftline_segmented_7
) as reference_by_segment_7
inner join (values (7, 0, 0, '' /* one for each segment, from the rows */)) as placed(scan, step, window_id, segment)
    on placed.step = reference_by_segment_7.step
group by placed.window_id, placed.segment
