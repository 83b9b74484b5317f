"""The amounts of a line's units sum up to what was paid for the line: held by the database."""

from django.db import migrations

_FORWARD = """
CREATE FUNCTION shop_sum(integer[]) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS $$ SELECT coalesce(sum(amount), 0)::bigint FROM unnest($1) AS amount $$;
ALTER TABLE shop_orderline ADD CONSTRAINT unit_amounts_sum_up
  CHECK (shop_sum(unit_amounts) = paid_total);
"""
_BACK = """
ALTER TABLE shop_orderline DROP CONSTRAINT unit_amounts_sum_up;
DROP FUNCTION shop_sum(integer[]);
"""


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunSQL(_FORWARD, _BACK)]
