from fastapi import FastAPI, Form

app = FastAPI()


@app.post("/login")
def login(user: str = Form()):
    return {"user": user}


@app.get("/")
def index():
    return "ok"


@app.get("/health")
def health():
    return "ok"
