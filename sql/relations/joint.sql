{#- joint: rows of each bin of the target, and how many of them are in each bin of every feature

    A number's bins are told by the rows up to the end of each, a category's by the rows of each value. Rows
    without a value of the target, or of the feature, are left out; the rest is of no value that is told.

    reads    every scan whose importances are asked for, its clock, the target and the features
    returns  scan, window_id, segment, target: its bin from 0; then for each feature: rows with a value, and
             those of each bin: count_0, count_1, …
-#}
{% from "macros.sql" import rows_of, key_of, key_name, window_of, put_to_windows, by_window with context -%}
{% for part in parts -%}
{% set scan = part.scan -%}
select
    {{ scan.id }} as scan,
    {{ window_of(scan) | indent(4) }},
    target
    {%- for count in part.counts %},
    cast(count({{ count }}) as bigint) as count_{{ loop.index0 }}
    {%- endfor %}
from (
    select
        {{ key_name(scan) }},
        {{ part.target }} as target
        {%- for value in part.values %},
        value_{{ loop.index0 }}
        {%- endfor %}
    from (
        select
            {{ key_of(scan) }},
            {{ part.output }} as output
            {%- for value in part.values %},
            {{ value }} as value_{{ loop.index0 }}
            {%- endfor %}
        {{ rows_of(scan) | indent(8) }}
    ) as told
    where output is not null
) as {{ scan.name }}{{ put_to_windows(scan) }}
group by {{ by_window(scan) }}, target
{% if not loop.last %}
union all
{% endif -%}
{% endfor %}
