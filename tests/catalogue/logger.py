"""A logger that is switched off.

3.13, 3.14.0a0: logging.Logger | local self | instance of logging.Logger | 4
3.14: logging.Logger | local self or global LOGGER | instance of logging.Logger | 1
3.13, 3.14.0a0, 3.14+: dict | attribute ._cache | dict | 1
3.14.0a0: function | frame.f_funcobj or attribute .debug | function logging.Logger.debug | 1
3.14.0a0: function | frame.f_funcobj or attribute .isEnabledFor | function logging.Logger.isEnabledFor | 1
3.13, 3.14.0a0, 3.14+: dict | Logger attribute | dict | +
3.13, 3.14.0a0, 3.14+: logging.Logger | global LOGGER | instance of logging.Logger | +
"""
import logging
from case import contend

LOGGER = logging.getLogger("app")


def work(iterations):
    for _ in range(iterations):
        LOGGER.debug("off")


contend(work)
