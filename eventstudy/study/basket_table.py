"""Which members were in the basket of each observation, and why others were not."""

from typing import TYPE_CHECKING, Any

from eventstudy.study.schema import frame

if TYPE_CHECKING:
    from eventstudy.study.builders import Study, Tables


def baskets(study: "Study") -> "Tables":
    """List the members of every basket by observation."""
    rows: list[dict[str, Any]] = []
    priced = set(study.prices["symbol"].unique())
    for estimator, estimates in study.fitted:
        panel = estimator.panel
        for row in (r for estimate in estimates for r in estimate.rows.tolist()):
            one = panel.observations[row]
            for member in panel.setting.members or ():
                reason = None
                if member == one.asset:
                    reason = "the asset itself"
                elif member in panel.left_out[row]:
                    reason = "named by the announcement"
                elif member not in priced:
                    reason = "no prices"
                rows.append(
                    {
                        "event_id": one.event_id,
                        "asset": one.asset,
                        "model": panel.setting.name,
                        "member": member,
                        "inside": reason is None,
                        "reason": reason,
                    }
                )
    return {"baskets": frame("baskets", rows)}
