-- One user a request. The requests are made beforehand, so that the client costs little.
-- Argument: the number of users.
local requests, next = {}, 0

function init(args)
  math.randomseed(7)
  for place = 1, 20000 do
    requests[place] = wrk.format("GET", "/v1/tables/users/rows/u" .. math.random(1, tonumber(args[1])))
  end
end

function request()
  next = next % #requests + 1
  return requests[next]
end
