import sys
from tests.faults.test_protocol_model import *
@pytest.mark.parametrize("k",["memory","sqlite","redis"])
def test_p(run,k,request):
    run(k,int(20*request.config.getoption("--depth")),phases=[Phase.generate])
