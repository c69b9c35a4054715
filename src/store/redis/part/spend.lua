-- Adds the cost of a finished message to the sums of the session. `spent` has names and amounts in turn.

local function spend()
  for index = 1, #arg.spent, 2 do
    redis.call('HINCRBYFLOAT', key.session, arg.spent[index], arg.spent[index + 1])
  end
end
