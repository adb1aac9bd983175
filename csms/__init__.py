"""The central system: talks OCPP to charging stations, keeps limits, stores what happened, reports it to platforms."""
