-- The removed tasks of a root, whose sessions the caller deletes one by one.

-- In portions, because Lua passes a bounded number of values to a call.
local function noteRemoved(tasks)
  for from = 1, #tasks, 1000 do
    redis.call('SADD', key.removedTasks, unpack(tasks, from, math.min(from + 999, #tasks)))
  end
end
