"""What gunicorn serves."""

from balancecloud.cli.web import application

app = application()
