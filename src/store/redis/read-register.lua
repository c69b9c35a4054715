-- Returns the lapsed instances, and whether one instance is alive.
-- KEYS register
-- ARGV instance
-- RETURNS alive lapsed...
-- USES clock

local time = now()
local deadline = tonumber(redis.call('ZSCORE', key.register, arg.instance) or 0)
return returns({
  alive = deadline > time,
  lapsed = redis.call('ZRANGEBYSCORE', key.register, '-inf', time),
})
