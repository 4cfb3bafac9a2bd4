{#- facts: what counts alone tell about the columns of a table, in one row; asked by `init` and `debug`

    reads    a whole table, whatever its windows and filter
    returns  row_count, then for each column: filled; and as far as they apply to its kind: distinct values and
             least of texts and whole numbers; low, high of numbers and, in seconds since 1970 in UTC, of
             moments; days that moments are of; times: texts that say a date or a time
-#}
select
    cast(count(*) as bigint) as row_count
    {%- for column in columns %},
    cast(count({{ column.value }}) as bigint) as filled_{{ loop.index0 }}
    {%- if column.counted is not none %},
    cast(count(distinct {{ column.counted }}) as bigint) as distinct_{{ loop.index0 }}
    {%- endif %}
    {%- if column.number is not none %},
    cast(min({{ column.number }}) as double) as low_{{ loop.index0 }},
    cast(max({{ column.number }}) as double) as high_{{ loop.index0 }}
    {%- endif %}
    {%- if column.day is not none %},
    cast(count(distinct {{ column.day }}) as bigint) as days_{{ loop.index0 }}
    {%- endif %}
    {%- if column.time is not none %},
    cast(min({{ column.counted }}) as varchar) as least_{{ loop.index0 }},
    cast(count({{ column.time }}) as bigint) as times_{{ loop.index0 }}
    {%- endif %}
    {%- endfor %}
from {{ table }}
