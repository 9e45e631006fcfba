"""The td3-driving command."""
