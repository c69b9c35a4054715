-- Returns sessions that are due, and moves them to the end of a lease, so that of several instances one
-- gets each.
-- KEYS due
-- ARGV keptMs limit leaseMs
-- RETURNS now leasedUntil nextAt sessions...
-- USES clock

local time = now()
local leasedUntil = time + arg.leaseMs
local sessions = redis.call('ZRANGE', key.due, '-inf', time, 'BYSCORE', 'LIMIT', 0, arg.limit)
for _, session in ipairs(sessions) do
  redis.call('ZADD', key.due, leasedUntil, session)
end
if redis.call('PTTL', key.due) < tonumber(arg.keptMs) then
  redis.call('PEXPIRE', key.due, arg.keptMs)
end
return returns({
  now = time, leasedUntil = leasedUntil, sessions = sessions,
  nextAt = redis.call('ZRANGE', key.due, 0, 0, 'WITHSCORES')[2],
})
