-- A graceful end. An index that still holds sessions is left to the survivors, who are told at once.
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
