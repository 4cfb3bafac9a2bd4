{#- surrogate: a bounded sample of rows, which a model is learned from; the one relation that returns rows

    Drawn by a hash, so that the same rows are drawn each time: of the correlation id's text where there is
    one, which is alike on every engine, else of the texts of all that is read. Rows of one hash come all or
    none.

    reads    every scan whose importances are asked for, its clock, the correlation id, the target and the
             features
    returns  scan, window_id, segment, drawn_by: the hash; output: what the model says; then each feature:
             value_0, value_1, …
-#}
{% from "macros.sql" import rows_of, key_of, window_of, put_to_windows, by_window with context -%}
{% for part in parts -%}
{% set scan = part.scan -%}
select
    {{ scan.id }} as scan,
    window_id,
    segment,
    drawn_by,
    output
    {%- for value in part.values %},
    value_{{ loop.index0 }}
    {%- endfor %}
from (
    select
        {{ window_of(scan) | indent(8) }},
        drawn_by,
        rank() over (
            partition by {{ by_window(scan) }}
            order by drawn_by
        ) + count(*) over (
            partition by {{ by_window(scan) }}, drawn_by
        ) - 1 as up_to,
        output
        {%- for value in part.values %},
        value_{{ loop.index0 }}
        {%- endfor %}
    from (
        select
            {{ key_of(scan) }},
            md5({{ part.key }}) as drawn_by,
            {{ part.output }} as output
            {%- for value in part.values %},
            {{ value }} as value_{{ loop.index0 }}
            {%- endfor %}
        {{ rows_of(scan) | indent(8) }}
    ) as {{ scan.name }}{{ put_to_windows(scan) | indent(4) }}
    where output is not null
        {%- if part.below is not none %} and drawn_by < {{ part.below }}{% endif %}
) as ranked
where up_to <= {{ most }}
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
