-- Returns the sessions of an agent whose last message is older than `unusedMs`, and leases them. Scores are in microseconds. The
-- list is in another slot than the sessions, so it is only a hint.
-- KEYS index
-- ARGV unusedMs limit leaseMs
-- RETURNS lease sessions...

local time = redis.call('TIME')
local before = time[1] * 1000000 + time[2] - arg.unusedMs * 1000
local sessions = redis.call('ZRANGEBYSCORE', key.index, '-inf', string.format('%.0f', before), 'LIMIT', 0, arg.limit)
local lease = string.format('%.0f', before + arg.leaseMs * 1000)
for _, each in ipairs(sessions) do redis.call('ZADD', key.index, lease, each) end
return returns({ lease = lease, sessions = sessions })
