-- Returns the reports of the instances: the id, the milliseconds for which it still counts as alive (negative
-- after them), and the report.
-- KEYS statuses
-- RETURNS reports...
-- USES clock

local time = now()
local reports = {}
local all = redis.call('HGETALL', key.statuses)
for at = 1, #all, 2 do
  local aliveUntil, status = string.match(all[at + 1], '^(%d+) (.*)$')
  if aliveUntil then
    table.insert(reports, all[at])
    table.insert(reports, string.format('%d', aliveUntil - time))
    table.insert(reports, status)
  end
end
return returns({ reports = reports })
