{#- copied: columns of a scan's rows, in a table of the session

    A statement that reads many columns one by one names its table as often, and of a wide table the
    engine looks at all columns each time. Its rows are read once for all steps that follow.
    Rows that are told apart stand cell by cell: what is grouped at a time stays close to the processor.

    reads    one scan, its window and filter applied
    returns  the columns, by their own names; the clock with them where it tells windows apart,
             and what tells the cells of rows
-#}
{% from "macros.sql" import rows_of with context -%}
create or replace temp table {{ name }} as
select
    {%- for column in columns %}
    {{ column }}{% if not loop.last %},{% endif %}
    {%- endfor %}
{{ rows_of(scan) }}
{%- if cell is not none %}
order by {{ cell }}
{%- endif %}
