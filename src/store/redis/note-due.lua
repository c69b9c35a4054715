-- Notes that a session is due at a time. An earlier time stays. The index outlives its last time.
-- KEYS due
-- ARGV keptMs session dueAt
-- RETURNS done
-- USES clock

redis.call('ZADD', key.due, 'LT', arg.dueAt, arg.session)
local ttlMs = math.max(arg.dueAt - now(), 0) + arg.keptMs
if ttlMs > redis.call('PTTL', key.due) then redis.call('PEXPIRE', key.due, ttlMs) end
return returns({ done = true })
