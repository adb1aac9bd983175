"""Reports for people: daily and monthly for each audience, as a page that prints, a workbook, or lines."""
