/* driftline monitor=numbers step=errors */
select
    0 as scan,
    window_id,
    '__all__' as segment,
    cast(count(*) as bigint) as row_count,
    cast(count(given) as bigint) as labelled,
    cast(count(error) as bigint) as n,
    cast(count(relative) as bigint) as n_nonzero,
    cast(count(expected) as bigint) as n_expected,
    cast(sum(try_cast(floor(abs(error) * cast('2.305843009213694e+18' as double)) as bigint)) as double) as absolute,
    cast(sum(try_cast(floor((abs(error) * cast('2.305843009213694e+18' as double) - floor(abs(error) * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as absolute_rest,
    cast(sum(try_cast(floor(error * error * cast('2.305843009213694e+18' as double)) as bigint)) as double) as squared,
    cast(sum(try_cast(floor((error * error * cast('2.305843009213694e+18' as double) - floor(error * error * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as squared_rest,
    cast(sum(try_cast(floor(apart * cast('2.305843009213694e+18' as double)) as bigint)) as double) as moved,
    cast(sum(try_cast(floor((apart * cast('2.305843009213694e+18' as double) - floor(apart * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as moved_rest,
    cast(sum(try_cast(floor(apart * apart * cast('2.305843009213694e+18' as double)) as bigint)) as double) as spread,
    cast(sum(try_cast(floor((apart * apart * cast('2.305843009213694e+18' as double) - floor(apart * apart * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as spread_rest,
    cast(sum(try_cast(floor(relative * cast('2.305843009213694e+18' as double)) as bigint)) as double) as relative,
    cast(sum(try_cast(floor((relative * cast('2.305843009213694e+18' as double) - floor(relative * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as relative_rest,
    cast(sum(try_cast(floor(expected * cast('2.305843009213694e+18' as double)) as bigint)) as double) as expected,
    cast(sum(try_cast(floor((expected * cast('2.305843009213694e+18' as double) - floor(expected * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as expected_rest,
    cast(sum(try_cast(floor(expected * expected * cast('2.305843009213694e+18' as double)) as bigint)) as double) as expected_squared,
    cast(sum(try_cast(floor((expected * expected * cast('2.305843009213694e+18' as double) - floor(expected * expected * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as expected_squared_rest
from (
    select
        window_id,
        given,
        (actual - prediction) * cast('1.0' as double) /* scale, from the bounds */ as error,
        case when prediction is not null then (actual - cast('0.0' as double) /* centre, from the bounds */) * cast('1.0' as double) /* scale, from the bounds */ end as apart,
        case when abs(actual) > cast('1e-150' as double) then (abs((actual - prediction) / actual)) * cast('1.0' as double) /* scale, from the bounds */ end as relative,
        (expected) * cast('1.0' as double) /* scale, from the bounds */ as expected
    from (
        select
            0 as window_id,
            case when "paid" <= cast('1.7976931348623157e+308' as double) or -"paid" < cast('-1.7976931348623157e+308' as double) then "paid" end as given,
            case when abs(cast("paid" as double)) < cast('1e+150' as double) then cast("paid" as double) end as actual,
            case when abs(cast("what it's" as double)) < cast('1e+150' as double) then cast("what it's" as double) end as prediction,
            case when abs(cast("doubt" as double)) < cast('1e+150' as double) then cast("doubt" as double) end as expected
        from "ml"."sco""red"
        where ("scored_at" >= cast('2026-02-23 00:00:00' as timestamp) and "scored_at" < cast('2026-03-02 00:00:00' as timestamp))
            and (amount >= 1)
    ) as numbers
) as production
group by window_id
union all
select
    1 as scan,
    window_id,
    '__all__' as segment,
    cast(count(*) as bigint) as row_count,
    cast(count(given) as bigint) as labelled,
    cast(count(error) as bigint) as n,
    cast(count(relative) as bigint) as n_nonzero,
    cast(count(expected) as bigint) as n_expected,
    cast(sum(try_cast(floor(abs(error) * cast('2.305843009213694e+18' as double)) as bigint)) as double) as absolute,
    cast(sum(try_cast(floor((abs(error) * cast('2.305843009213694e+18' as double) - floor(abs(error) * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as absolute_rest,
    cast(sum(try_cast(floor(error * error * cast('2.305843009213694e+18' as double)) as bigint)) as double) as squared,
    cast(sum(try_cast(floor((error * error * cast('2.305843009213694e+18' as double) - floor(error * error * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as squared_rest,
    cast(sum(try_cast(floor(apart * cast('2.305843009213694e+18' as double)) as bigint)) as double) as moved,
    cast(sum(try_cast(floor((apart * cast('2.305843009213694e+18' as double) - floor(apart * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as moved_rest,
    cast(sum(try_cast(floor(apart * apart * cast('2.305843009213694e+18' as double)) as bigint)) as double) as spread,
    cast(sum(try_cast(floor((apart * apart * cast('2.305843009213694e+18' as double) - floor(apart * apart * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as spread_rest,
    cast(sum(try_cast(floor(relative * cast('2.305843009213694e+18' as double)) as bigint)) as double) as relative,
    cast(sum(try_cast(floor((relative * cast('2.305843009213694e+18' as double) - floor(relative * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as relative_rest,
    cast(sum(try_cast(floor(expected * cast('2.305843009213694e+18' as double)) as bigint)) as double) as expected,
    cast(sum(try_cast(floor((expected * cast('2.305843009213694e+18' as double) - floor(expected * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as expected_rest,
    cast(sum(try_cast(floor(expected * expected * cast('2.305843009213694e+18' as double)) as bigint)) as double) as expected_squared,
    cast(sum(try_cast(floor((expected * expected * cast('2.305843009213694e+18' as double) - floor(expected * expected * cast('2.305843009213694e+18' as double))) * cast('4503599627370496.0' as double)) as bigint)) as double) as expected_squared_rest
from (
    select
        window_id,
        given,
        (actual - prediction) * cast('1.0' as double) /* scale, from the bounds */ as error,
        case when prediction is not null then (actual - cast('0.0' as double) /* centre, from the bounds */) * cast('1.0' as double) /* scale, from the bounds */ end as apart,
        case when abs(actual) > cast('1e-150' as double) then (abs((actual - prediction) / actual)) * cast('1.0' as double) /* scale, from the bounds */ end as relative,
        (expected) * cast('1.0' as double) /* scale, from the bounds */ as expected
    from (
        select
            0 as window_id,
            case when "paid" <= cast('1.7976931348623157e+308' as double) or -"paid" < cast('-1.7976931348623157e+308' as double) then "paid" end as given,
            case when abs(cast("paid" as double)) < cast('1e+150' as double) then cast("paid" as double) end as actual,
            case when abs(cast("what it's" as double)) < cast('1e+150' as double) then cast("what it's" as double) end as prediction,
            cast(null as double) as expected
        from "ml"."training"
    ) as numbers
) as reference
group by window_id
