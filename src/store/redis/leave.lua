-- Ends an instance in good order. If its index still contains sessions, the other instances get a hint at
-- once and adopt them.
-- KEYS register noted
-- ARGV instance
-- RETURNS done

if redis.call('EXISTS', key.noted) == 1 then
  redis.call('ZADD', key.register, 0, arg.instance)
  redis.call('SPUBLISH', key.register .. '!left', '')
else
  redis.call('ZREM', key.register, arg.instance)
end
return returns({ done = true })
