"""DeviceHive over MQTT: the topics under dh/, its actions, its permissions and its tokens."""
