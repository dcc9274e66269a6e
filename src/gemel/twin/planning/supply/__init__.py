"""A supply network end to end: forecast, planned, played from now on, its risks, its transport."""

from gemel.twin.planning.supply.making import Effort, SupplyPlan, rules_of, supply_plan
from gemel.twin.planning.supply.outlook import Outlook, outlook_of

__all__ = ["Effort", "Outlook", "SupplyPlan", "outlook_of", "rules_of", "supply_plan"]
