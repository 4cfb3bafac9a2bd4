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
{% from "macros.sql" import window_key, rows_of, placed_steps, limbs with context -%}
{% for side in sides -%}
{% set scan = side.scan -%}
select
    {{ scan.id }} as scan,
    {% if scan.placed %}placed.{% endif %}window_id,
    {% if scan.placed %}placed.segment{% else %}'__all__' as segment{% endif %},
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
        {% if scan.placed %}step{% else %}window_id{% endif %},
        given,
        {{ side.error.of("actual - prediction") }} as error,
        case when prediction is not null then {{ side.apart.of("actual - " ~ side.centre) }} end as apart,
        case when abs(actual) > {{ least }} then {{ side.relative.of("abs((actual - prediction) / actual)") }} end as relative,
        {{ side.expected.of("expected") }} as expected
    from (
        select
            {{ window_key(scan) }} as {% if scan.placed %}step{% else %}window_id{% endif %},
            {{ side.given }} as given,
            {{ side.actual }} as actual,
            {{ side.prediction }} as prediction,
            {{ side.expected_error }} as expected
        {{ rows_of(scan) | indent(8) }}
    ) as numbers
) as {{ scan.name }}
{%- if scan.placed %}
inner join {{ placed_steps([scan]) }}
    on placed.step = {{ scan.name }}.step
{%- endif %}
group by {% if scan.placed %}placed.window_id, placed.segment{% else %}window_id{% endif %}
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
