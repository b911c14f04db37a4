"""A time zone that many datetimes carry.

3.13, 3.14.0a0, 3.14+: datetime.timezone | datetime.tzinfo | instance of datetime.timezone | 1
3.13, 3.14.0a0, 3.14: datetime.timezone | global ZONE | instance of datetime.timezone | 2
3.15+: datetime.timezone | global ZONE | instance of datetime.timezone | 1
3.13, 3.14.0a0, 3.14+: datetime.timezone | tuple item | instance of datetime.timezone | 1
"""
import datetime
from case import contend

ZONE = datetime.timezone(datetime.timedelta(hours=1))


def work(iterations):
    datetime_ = datetime.datetime
    for _ in range(iterations):
        datetime_(2026, 1, 1, 0, 0, 0, 0, ZONE)


contend(work)
