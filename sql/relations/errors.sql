{#- errors: how far predictions are from what happened, summed

    Sums are of whole numbers: what is at most 1 times 2^61, and what that leaves times 2^52, both cut down,
    so they are the same in any order of rows to the last digit. Values of 1e150 and more, NaN and
    infinities are no numbers. What vanishes beside the largest is 0.

    reads    a scan's clock, actual, prediction and expected error
    returns  scan, window_id, segment; row_count; labelled: rows with an actual; n: rows with two numbers;
             n_nonzero: those whose actual is not 0; n_expected: rows with an expected error; and sums of
             |error|, error^2, actual - centre, its square, |error / actual|, the expected error and its
             square, in units of the largest: each by two columns, the second in 2^52ths of the first
-#}
{% from "macros.sql" import rows_of, limbs, key_of, key_name, window_of, put_to_windows, by_window with context -%}
{% for side in sides -%}
{% set scan = side.scan -%}
select
    {{ scan.id }} as scan,
    {{ window_of(scan) | indent(4) }},
    cast(count(*) as bigint) as row_count,
    cast(count(given) as bigint) as labelled,
    cast(count(error) as bigint) as n,
    cast(count(relative) as bigint) as n_nonzero,
    cast(count(expected) as bigint) as n_expected,
    {{ limbs("abs(error)", "absolute") }},
    {{ limbs("error * error", "squared") }},
    {{ limbs("apart", "moved") }},
    {{ limbs("apart * apart", "spread") }},
    {{ limbs("relative", "relative") }},
    {{ limbs("expected", "expected") }},
    {{ limbs("expected * expected", "expected_squared") }}
from (
    select
        {{ key_name(scan) }},
        given,
        {{ side.error.of("actual - prediction") }} as error,
        case when prediction is not null then {{ side.apart.of("actual - " ~ side.centre) }} end as apart,
        case when abs(actual) > {{ least }} then {{ side.relative.of("abs((actual - prediction) / actual)") }} end as relative,
        {{ side.expected.of("expected") }} as expected
    from (
        select
            {{ key_of(scan) }},
            {{ side.given }} as given,
            {{ side.actual }} as actual,
            {{ side.prediction }} as prediction,
            {{ side.expected_error }} as expected
        {{ rows_of(scan) | indent(8) }}
    ) as numbers
) as {{ scan.name }}{{ put_to_windows(scan) }}
group by {{ by_window(scan) }}
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
