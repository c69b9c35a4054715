-- Tells who listens that something may have happened. In the session's slot, so that a cluster does
-- not carry it to every node.

local function hint(topic)
  redis.call('SPUBLISH', key.session .. '!' .. topic, '')
end
