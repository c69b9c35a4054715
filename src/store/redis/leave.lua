-- A graceful end. An index that still holds sessions is left to the survivors, at once.
-- KEYS register noted
-- ARGV instance
-- RETURNS done

if redis.call('EXISTS', key.noted) == 1 then
  redis.call('ZADD', key.register, 0, arg.instance)
else
  redis.call('ZREM', key.register, arg.instance)
end
return returns({ done = true })
