-- Notes that a session is due at a time. An earlier time stays, but for a fraction of a millisecond: if it is the
-- end of a lease, the lease is not ended by an instance that does not know the new time (`settle-due.lua`). The index
-- outlives its last time.
-- KEYS due
-- ARGV keptMs session dueAt
-- RETURNS done
-- USES clock

local before = tonumber(redis.call('ZSCORE', key.due, arg.session) or '')
local score = arg.dueAt
if before and before <= tonumber(arg.dueAt) then score = string.format('%.3f', before - 0.001) end
redis.call('ZADD', key.due, score, arg.session)
local ttlMs = math.max(arg.dueAt - now(), 0) + arg.keptMs
if ttlMs > redis.call('PTTL', key.due) then redis.call('PEXPIRE', key.due, ttlMs) end
return returns({ done = true })
